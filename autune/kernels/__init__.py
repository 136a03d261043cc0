"""The numerics: pure functions of arrays and scalars, numba and numpy only."""
