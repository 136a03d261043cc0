"""Data sets that ship with autune, each with its provenance beside it (a README per set)."""
