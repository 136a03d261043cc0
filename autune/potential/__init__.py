"""Potentials: from few parameters to symmetry functions, to energies, forces and files."""
