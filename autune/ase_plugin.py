"""autune among ASE's calculators, by the names autune and autune_committee.

``import autune.ase_plugin`` tells ASE's `get_calculator_class`. ASE's plug-ins (experimental in
ASE 3.29) know them without that, by the entry point ``ase.plugins``.
"""

from __future__ import annotations

from typing import Any

from ase.calculators.calculator import external_calculators, register_calculator_class

from autune.potential.calculator import CommitteeCalculator, HDNNPCalculator

CALCULATORS: dict[str, type[Any]] = {
    "autune": HDNNPCalculator,
    "autune_committee": CommitteeCalculator,
}

for _name, _kind in CALCULATORS.items():
    if _name not in external_calculators:
        register_calculator_class(_name, _kind)


def __getattr__(name: str) -> Any:
    """Give ASE its plug-ins when it asks for them.

    Not before: ASE collects all plug-ins when the class of plug-ins is imported, so that it would
    look for these in a module that is not yet complete.
    """
    if name != "__ase_plugins__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ase._4.plugins.plugin import CalculatorPlugin

    return {
        CalculatorPlugin(name, implementation=f"{kind.__module__}.{kind.__name__}")
        for name, kind in CALCULATORS.items()
    }
