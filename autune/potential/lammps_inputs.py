"""Inputs of LAMMPS beside an exported potential: an example, and properties of cubic crystals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import atomic_masses, atomic_numbers, covalent_radii, reference_states

from autune.potential.model import Potential
from autune.units import UNIT_SYSTEMS, UnitSystem

FOLDER = "lammps"
"""Of the inputs for properties, in that of the potential."""

EV_ANGSTROM = UNIT_SYSTEMS["ev-angstrom"]

CUTOFF_MARGIN = 0.01
"""Angstrom by which LAMMPS' cutoff is larger than the potential's."""

_CUBIC = ("fcc", "bcc", "sc", "diamond")
_WARNINGS = "showew no showewsum 100 resetew no maxew 100000"

_LAYERS = {
    ("fcc", "100"): "v_a/2",
    ("fcc", "110"): "v_a/sqrt(8)",
    ("fcc", "111"): "v_a/sqrt(3)",
    ("bcc", "100"): "v_a/2",
    ("bcc", "110"): "v_a/sqrt(2)",
    ("bcc", "111"): "v_a/sqrt(12)",
    ("sc", "100"): "v_a",
    ("sc", "110"): "v_a/sqrt(2)",
    ("sc", "111"): "v_a/sqrt(3)",
}
"""Distance of atomic layers."""


def lammps_input(potential: Potential, units: UnitSystem = EV_ANGSTROM) -> str:
    """Write a LAMMPS input that relaxes a crystal with the exported potential.

    Parameters
    ----------
    potential
        What was exported.
    units
        Of its files; LAMMPS itself counts in eV and Angstrom (metal).
    """
    elements = potential.elements
    crystal, a = _crystal(elements)
    relaxed = "aniso" if crystal == "hcp" else "iso"
    mix = "\n".join(
        f"set             type 1 type/ratio {i} {1 / i:.6g} 12345"
        for i in range(len(elements), 1, -1)
    )
    return f"""\
# A neural network potential of {", ".join(elements)} in LAMMPS (package ML-HDNNP).
# Run in this folder: lmp -in in.lammps
units           metal
atom_style      atomic
boundary        p p p

# Put your own structure here (read_data): the crystal is an example.
lattice         {crystal} {a:.4f}
region          box block 0 4 0 4 0 4
create_box      {len(elements)} box
create_atoms    1 box
# Off the sides of the box: LAMMPS may count an atom there twice, or not at all.
displace_atoms  all move 0.1 0.1 0.1 units box
{mix}
{_masses(elements)}
# The potential: {_about_units(units)}.  An extrapolation warning says that
# a symmetry function left the range of the training set; the run stops after maxew of them.
{_pair_style(potential, "./", units)}

thermo          10
thermo_style    custom step pe press lx ly lz
fix             relax all box/relax {relaxed} 0.0
minimize        1e-12 1e-8 1000 10000
"""


def property_inputs(potential: Potential, units: UnitSystem = EV_ANGSTROM) -> Mapping[str, str]:
    """Write LAMMPS inputs for properties of the cubic crystals of the potential's elements.

    Lattice constant, elastic constants by stresses under strain, energies of relaxed surfaces: as
    autune.properties calculates them.

    Parameters
    ----------
    potential, units
        As in `lammps_input`.

    Returns
    -------
    Mapping[str, str]
        Texts by the name of their file.
    """
    elements = potential.elements
    files = {
        "potential.mod": _POTENTIAL.format(
            masses=_masses(elements), pair_style=_pair_style(potential, "../", units)
        ),
        "crystal.mod": _CRYSTAL.format(n=len(elements)),
        "at_rest.mod": _AT_REST,
        "strained.mod": _STRAINED,
        "in.lattice": _LATTICE.format(element=elements[0]),
        "in.elastic": _ELASTIC.format(element=elements[0]),
    }
    for number, element in enumerate(elements, start=1):
        files[f"{element}.mod"] = _element_text(element, number)
    if any(_cubic_crystal(element)[0] != "diamond" for element in elements):
        files["slab.mod"] = _SLAB.format(n=len(elements))
        files["in.surface"] = _SURFACE.format(element=elements[0])
    return files


def pair_factors(units: UnitSystem) -> str:
    """Return the keywords by which LAMMPS, units metal, learns the units of a potential's files."""
    if units == EV_ANGSTROM:
        return ""
    return f"cflength {1.0 / units.length!r} cfenergy {1.0 / units.energy!r}"


def _about_units(units: UnitSystem) -> str:
    if units == EV_ANGSTROM:
        return "eV and Angstrom, so no cflength and cfenergy"
    return "cflength and cfenergy are its units in one Angstrom and one eV"


def _pair_style(potential: Potential, folder: str, units: UnitSystem) -> str:
    cutoff = f"{potential.r_cutoff + CUTOFF_MARGIN:.6g}"
    lines = [f'pair_style      hdnnp {cutoff} dir "{folder}"', _WARNINGS]
    if factors := pair_factors(units):
        lines.append(factors)
    style = " &\n                ".join(lines)
    return f"{style}\npair_coeff      * * {' '.join(potential.elements)}"


def _masses(elements: Sequence[str]) -> str:
    return "\n".join(
        f"mass            {i} {atomic_masses[atomic_numbers[element]]:.6g}  # {element}"
        for i, element in enumerate(elements, start=1)
    )


def _element_text(element: str, number: int) -> str:
    crystal, a = _cubic_crystal(element)
    text = f"""\
# {element}: its type, its cubic crystal, and a lattice constant (Angstrom) to begin with.
variable        type string {number}
variable        crystal string {crystal}
variable        a string {a:.4f}
"""
    if crystal == "diamond":
        return text
    layers = "\n".join(
        f"variable        d{facet} equal {distance}"
        for (of, facet), distance in _LAYERS.items()
        if of == crystal
    )
    return f"{text}# Distance of atomic layers along the normals of surfaces.\n{layers}\n"


def _crystal(elements: Sequence[str]) -> tuple[str, float]:
    """Return LAMMPS' name and the lattice constant (Angstrom) of the first element's crystal.

    Of ASE's table of ground states; an element of which LAMMPS does not know the lattice is an
    fcc crystal of touching covalent spheres.
    """
    state = reference_states[atomic_numbers[elements[0]]]
    if state is not None and state["symmetry"] in (*_CUBIC, "hcp"):
        return state["symmetry"], state["a"]
    radius = max(covalent_radii[atomic_numbers[element]] for element in elements)
    return "fcc", 2.0 * np.sqrt(2.0) * radius


def _cubic_crystal(element: str) -> tuple[str, float]:
    """Return the crystal as `_crystal`; for hcp, fcc with the same distance of neighbours."""
    crystal, a = _crystal([element])
    return (crystal, a) if crystal in _CUBIC else ("fcc", a * np.sqrt(2.0))


_POTENTIAL = """\
# The potential and the masses: one place for all inputs of this folder, for units metal.  Another
# potential here (pair_style eam/alloy, say) gives its properties by the same inputs.
{masses}
{pair_style}
"""

_CRYSTAL = """\
# A crystal with the lattice constant a (Angstrom): 3 x 3 x 3 cubic cells.
clear
units           metal
atom_style      atomic
boundary        p p p
lattice         ${{crystal}} ${{a}}
region          box block 0 3 0 3 0 3
create_box      {n} box
create_atoms    ${{type}} box
# Off the sides of the box: LAMMPS may count an atom there twice, or not at all.
displace_atoms  all move 0.1 0.1 0.1 units box
include         potential.mod
thermo_style    custom step pe lx press pxx pyy pzz pyz fnorm
"""

_AT_REST = """\
# The crystal of least energy: a becomes its lattice constant (Angstrom), E_bulk its energy (eV per
# atom).  Twice, because LAMMPS keeps the start volume as reference while it relaxes the box.
include         ${element}.mod
include         crystal.mod
fix             box all box/relax iso 0.0 vmax 0.001 nreset 50
minimize        0.0 1e-10 1000 10000
minimize        0.0 1e-10 1000 10000
unfix           box
run             0
if              "$(abs(press)) > 100" then &
                "print 'the crystal is not at rest: $(press) bar; begin with another a'" "quit 1"
variable        a string $(lx/3:%.12f)
variable        E_bulk string $(pe/atoms:%.14g)
"""

_STRAINED = """\
# The crystal at rest, deformed as the variable deformation says, its ions relaxed.
include         crystal.mod
change_box      all triclinic
change_box      all ${deformation} remap units box
minimize        0.0 1e-8 1000 10000
"""

_LATTICE = """\
# Lattice constant and energy of the cubic crystal at rest.
# Run in this folder: lmp -in in.lattice [-var element Ag]
variable        element index {element}
include         at_rest.mod
print           "${{element}} ${{crystal}}: lattice constant $(v_a:%.6f) Angstrom, &
energy $(v_E_bulk:%.8f) eV/atom"
"""

_ELASTIC = """\
# Elastic constants of a cubic crystal: the box at rest is deformed, the change of its stress gives
# the stiffness.  Central differences: C_ij = (sigma_i(+e_j) - sigma_i(-e_j)) / (2 e_j), in Voigt's
# notation (J. F. Nye, Physical Properties of Crystals, 1957, ch. VIII), ions relaxed.
# Run in this folder: lmp -in in.elastic [-var element Ag] [-var strain 0.006]
variable        element index {element}
variable        strain index 0.006
include         at_rest.mod

# Along x: e_1 = strain.  LAMMPS' pressure is in bar and has the opposite sign of stress.
variable        deformation string "x scale $(1+v_strain:%.12f)"
include         strained.mod
variable        xx_plus string $(pxx:%.14g)
variable        yy_plus string $((pyy+pzz)/2:%.14g)
variable        deformation string "x scale $(1-v_strain:%.12f)"
include         strained.mod
variable        xx_minus string $(pxx:%.14g)
variable        yy_minus string $((pyy+pzz)/2:%.14g)

# Shear: e_4 = 2 eps_yz = strain, y moves with z.
variable        deformation string "yz delta $(3*v_a*v_strain:%.12f)"
include         strained.mod
variable        yz_plus string $(pyz:%.14g)
variable        deformation string "yz delta $(-3*v_a*v_strain:%.12f)"
include         strained.mod
variable        yz_minus string $(pyz:%.14g)

variable        GPa equal 1e-4/(2*v_strain)
variable        C11 equal (v_xx_minus-v_xx_plus)*v_GPa
variable        C12 equal (v_yy_minus-v_yy_plus)*v_GPa
variable        C44 equal (v_yz_minus-v_yz_plus)*v_GPa
variable        B equal (v_C11+2*v_C12)/3
print           "${{element}} ${{crystal}}: C11 $(v_C11:%.4f) C12 $(v_C12:%.4f) C44 $(v_C44:%.4f) &
bulk modulus $(v_B:%.4f) GPa"
"""

_SLAB = """\
# Energy of one surface: gamma = (E_slab - N E_bulk) / (2 A), ions relaxed, box as it is.
# A slab of some layers and vacuum (Angstrom), its normal along z; Lx, Ly: edges of its cell
# (Angstrom), d: distance of layers (Angstrom).
clear
units           metal
atom_style      atomic
boundary        p p p
lattice         ${{crystal}} ${{a}} ${{orient}}
variable        thick string $((v_layers-1)*v_d:%.12f)
region          box block 0 ${{Lx}} 0 ${{Ly}} $(-v_vacuum/2) $(v_thick+v_vacuum/2) units box
create_box      {n} box
region          slab block INF INF INF INF -0.1 $(v_thick+0.1) units box
create_atoms    ${{type}} region slab
displace_atoms  all move 0.1 0.1 0.1 units box
include         potential.mod
thermo_style    custom step pe lx ly fnorm
minimize        0.0 1e-6 1000 10000
variable        gamma equal 16.02176634*(pe-atoms*v_E_bulk)/(2*lx*ly)
print           "${{element}} ${{crystal}} (${{facet}}): $(v_gamma:%.6f) J/m^2, $(atoms) atoms"
"""

_SURFACE = """\
# Energies of the surfaces (100), (110) and (111), relaxed, not reconstructed.
# Run in this folder: lmp -in in.surface [-var element Ag] [-var layers 7] [-var vacuum 10]
variable        element index {element}
variable        layers index 7
variable        vacuum index 10
include         at_rest.mod

variable        facet string 100
variable        orient string "orient x 1 0 0 orient y 0 1 0 orient z 0 0 1"
variable        Lx string $(v_a:%.12f)
variable        Ly string $(v_a:%.12f)
variable        d string $(v_d100:%.12f)
include         slab.mod

variable        facet string 110
variable        orient string "orient x 1 -1 0 orient y 0 0 -1 orient z 1 1 0"
variable        Lx string $(v_a*sqrt(2):%.12f)
variable        Ly string $(v_a:%.12f)
variable        d string $(v_d110:%.12f)
include         slab.mod

variable        facet string 111
variable        orient string "orient x 1 -1 0 orient y 1 1 -2 orient z 1 1 1"
variable        Lx string $(v_a*sqrt(2):%.12f)
variable        Ly string $(v_a*sqrt(6):%.12f)
variable        d string $(v_d111:%.12f)
include         slab.mod
"""
