"""Properties of the potentials to compare with, calculated once for a folder of figures."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from autune.errors import AutuneError
from autune.formats.files import make_folder, open_text, write_text
from autune.page.gathered import Gathered
from autune.properties import compared_values, compute_baselines
from autune.properties.table import PropertyTable
from autune.settings import PropertiesSettings

Tables = dict[str, PropertyTable]
Baselines = Callable[[Gathered], Mapping[str, PropertyTable]]

STORED = "baselines.json"
"""File of what was calculated."""

log = logging.getLogger(__name__)

_STORED = TypeAdapter(tuple[str, Tables])


def baselines_kept_in(folder: Path) -> Baselines:
    """Return a function that calculates the baselines of a search, or reads them in a folder.

    They do not depend on any trial, and take longer than all else of a page.
    """
    path = folder / STORED

    def find(gathered: Gathered) -> Mapping[str, PropertyTable]:
        wanted = gathered.shown_settings.evaluation.properties
        if wanted is None or not wanted.baselines:
            return {}
        elements = gathered.shown_settings.potential.elements
        known = _read(path)
        own = _identity(wanted, elements)
        try:
            identity = f"{own}-{_digest(compared_values(wanted))}"
            if known is not None and known[0] == identity:
                return known[1]
            log.info("calculating the properties of %s", ", ".join(wanted.baselines))
            tables = compute_baselines(wanted, elements)
        except AutuneError as error:  # a file of theirs, or the reference, is on another machine
            if known is not None and known[0].partition("-")[0] == own:
                return known[1]
            log.warning("the page lacks other potentials: %s", error)
            return {}
        make_folder(path.parent)
        write_text(path, _STORED.dump_json((identity, tables), indent=1).decode() + "\n")
        return tables

    return find


def _identity(wanted: PropertiesSettings, elements: tuple[str, ...]) -> str:
    return _digest([wanted.model_dump(mode="json"), elements])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _read(path: Path) -> tuple[str, Tables] | None:
    try:
        with open_text(path) as stream:
            return _STORED.validate_json(stream.read())
    except (AutuneError, ValidationError):
        return None
