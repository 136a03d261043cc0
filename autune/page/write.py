"""Writing the page of a search, and its figures beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from autune.errors import ConfigError
from autune.formats.files import is_folder, make_folder, remove_file, write_text
from autune.page.accuracy import accuracy_section
from autune.page.baselines import STORED, Baselines, baselines_kept_in
from autune.page.blocks import Drawing, Row, Section
from autune.page.committee import committee_section
from autune.page.effects import effects_section, importance_section, is_scan
from autune.page.gathered import Gathered, gather
from autune.page.physics import physics_section
from autune.page.provenance import provenance_section
from autune.page.render import render
from autune.page.shapes import cost_section
from autune.page.summary import summary_section
from autune.page.svg import embed
from autune.page.training import training_section
from autune.page.trials import best_section, failures_section, trials_section
from autune.report.tables import tabulate, write_csv
from autune.search.folder import SearchFolder

PAGE = "report.html"
_OURS = (".svg", ".png", ".csv")
_WRITTEN = ".written"
"""Names of the files that pages wrote into a folder, for whatever else lies there is not theirs."""


def write_page(folder: SearchFolder, output: str | Path | None = None) -> Path:
    """Write what is known of a search as one HTML file, and its figures into a folder.

    The page needs nothing else; the folder of its name without the suffix holds every figure as
    SVG and PNG, and its numbers as CSV.  Figures of an earlier page that this one does not have
    are removed from it.

    Parameters
    ----------
    folder
        Of the search, which may still run.
    output
        File to write, with the suffix .html; None: ``report.html`` in the search's folder.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    SearchError
        If the study cannot be read.
    ConfigError, FormatError
        If the settings or the confirmation are damaged, something cannot be written, or other
        things lie where the figures would be written.
    """
    page = folder.path / PAGE if output is None else Path(output)
    if page.suffix.lower() not in (".html", ".htm"):
        raise ConfigError("", f"the page is HTML; name a file that ends with .html, not {page}")
    figures = page.with_suffix("")
    _refuse_taken(page, figures)
    sections = sections_of(gather(folder), baselines_kept_in(figures))
    drawings = _drawings(sections)
    make_folder(figures)
    before, now = _written(figures), _files(drawings)
    # First, so that a page that is interrupted leaves nothing of which the next one does not know.
    _note(figures, before | now)
    drawn = _draw(figures, drawings)
    write_text(page, render(folder.name, sections, drawn, figures.name))
    for name in before - now:
        remove_file(figures / name)
    _note(figures, now)
    return page


def sections_of(gathered: Gathered, baselines: Baselines) -> list[Section]:
    """Return all sections in their order; those for which nothing is known are empty."""
    effects = effects_section(gathered)
    first, later = ([effects], []) if is_scan(gathered) else ([], [effects])
    return [
        summary_section(gathered),
        *first,
        best_section(gathered),
        trials_section(gathered),
        cost_section(gathered),
        importance_section(gathered),
        *later,
        training_section(gathered),
        accuracy_section(gathered),
        physics_section(gathered, baselines),
        committee_section(gathered),
        failures_section(gathered),
        provenance_section(gathered),
    ]


def _refuse_taken(page: Path, figures: Path) -> None:
    """Refuse places of other things before anything is read: a page takes a minute."""
    if is_folder(page):
        raise ConfigError("", f"{page} is a folder; name a file that ends with .html")
    if not is_folder(figures):
        return
    strangers = sorted(path.name for path in _list(figures) if not _is_ours(path))
    if strangers:
        raise ConfigError(
            "",
            f"the figures would be written to {figures}, which holds other things ({strangers[0]}, "
            "for example); choose another name for the page",
        )


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # what writes there says why it cannot
        return []


def _is_ours(path: Path) -> bool:
    """Whether a page could have written it; what begins with a dot is a leftover."""
    return path.name.startswith(".") or path.name == STORED or path.suffix in _OURS


def _written(figures: Path) -> set[str]:
    """Read which files earlier pages wrote; a damaged list names none of others."""
    try:
        names = (figures / _WRITTEN).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # no page, or one of before there were lists
        return set()
    return {name for name in names if Path(name).name == name and Path(name).suffix in _OURS}


def _note(figures: Path, names: set[str]) -> None:
    write_text(figures / _WRITTEN, "".join(f"{name}\n" for name in sorted(names)))


def _files(drawings: Iterable[Drawing]) -> set[str]:
    """Name the files of all figures."""
    names = set()
    for drawing in drawings:
        names |= {f"{drawing.name}.svg", f"{drawing.name}.png"}
        names |= {f"{name}.csv" for name in _tables(drawing)}
    return names


def _tables(drawing: Drawing) -> dict[str, Sequence[Row]]:
    """Return the numbers of a figure by the name of their file without the suffix."""
    tables = {drawing.name: drawing.rows, **drawing.more}
    return {name: rows for name, rows in tables.items() if rows}


def _drawings(sections: Sequence[Section]) -> list[Drawing]:
    return [block for s in sections for block in s.blocks if isinstance(block, Drawing)]


def _draw(figures: Path, drawings: Iterable[Drawing]) -> dict[str, str]:
    """Draw all figures into a folder, and return them for the page."""
    drawn = {}
    for drawing in drawings:
        drawing.draw(figures / drawing.name)
        svg = (figures / f"{drawing.name}.svg").read_text(encoding="utf-8")
        drawn[drawing.name] = embed(svg, drawing.name, drawing.alt, not drawing.shaded)
        for name, rows in _tables(drawing).items():
            write_csv(tabulate(rows), figures / f"{name}.csv")
    return drawn
