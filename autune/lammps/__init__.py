"""LAMMPS beside autune: the same potential, the same structures, the same numbers?"""

from autune.lammps.comparison import Row, check_potential
from autune.lammps.program import find_lammps
from autune.lammps.script import check_script

__all__ = ["Row", "check_potential", "check_script", "find_lammps"]
