"""What to calculate for a potential when nobody says what."""

from __future__ import annotations

from collections.abc import Sequence

from ase.data import atomic_numbers, reference_states

from autune.errors import ConfigError
from autune.settings import PropertiesSettings

_CRYSTALS = ("fcc", "bcc", "sc", "diamond")
_REFERENCES = {"Au": "builtin:gold"}


def default_properties(elements: Sequence[str]) -> PropertiesSettings:
    """Return settings for the properties of the first element's stable crystal (from ASE).

    All but the nanoparticles, which take longer than all others together. Gold is compared with
    the built-in reference.

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
    }
    if crystal == "fcc":
        wanted["stacking_fault"] = {}
    if crystal != "diamond":
        wanted["surface_energy"] = {"facets": ["100", "110", "111"]}
    return PropertiesSettings.model_validate(wanted)
