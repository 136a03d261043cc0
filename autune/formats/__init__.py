"""Text to structures, architectures and arrays, and back; no numerics.

A file that cannot be read is a `FormatError` with file and line; a file is written whole or not
at all.  Everything that leaves a reader is in eV and Angstrom, except an `Architecture`, which
keeps the units of its files and says what they are.
"""
