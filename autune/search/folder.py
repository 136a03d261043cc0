"""The folder of a search: what lies where, who may write it, and how it is found again."""

from __future__ import annotations

import difflib
import fcntl
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, get_args

from autune.errors import SearchError
from autune.formats.files import write_text
from autune.log import mask_credentials
from autune.search.record import EndState, Record, ranked
from autune.settings import Settings
from autune.space import SearchSpace

if TYPE_CHECKING:
    from autune.search.study.study import Study

JOURNAL = "study.journal"
IDENTITY = "search.id"
POTENTIAL = "potential"
"""Folder of the trained potential in a trial's folder."""


@dataclass(frozen=True)
class SearchFolder:
    """A search on disk.

    Parameters
    ----------
    path
        ``results/NAME``.
    """

    path: Path

    @property
    def name(self) -> str:
        """Name of the search."""
        return self.path.name

    @property
    def settings_file(self) -> Path:
        """The settings file as the user gave it."""
        return self.path / "search.yaml"

    @property
    def trials(self) -> Path:
        """One folder per trial."""
        return self.path / "trials"

    def trial(self, number: int) -> Path:
        """Return the folder of a trial."""
        return self.trials / f"{number:04d}"

    @property
    def best(self) -> Path:
        """The potential of the trial with the lowest score; once confirmed, of the winner."""
        return self.path / "best"

    @property
    def confirmation(self) -> SearchFolder:
        """The trainings with fresh seeds: a search whose points are given."""
        return SearchFolder(self.path / "confirm")

    @property
    def confirmed_file(self) -> Path:
        """What the confirmation found."""
        return self.path / "confirmed.json"

    @property
    def database(self) -> Path:
        """MLflow's default database."""
        return self.path / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """MLflow's default folder of files."""
        return self.path / "mlartifacts"

    @property
    def identity(self) -> str:
        """What tells this search from all others, also from those of its name elsewhere."""
        path = self.path / IDENTITY
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    @property
    def exists(self) -> bool:
        """Whether a search has begun here."""
        return (self.path / JOURNAL).is_file() or bool(self.identity)

    @property
    def state(self) -> EndState:
        """How the search ended; interrupted where nothing says so."""
        found = self._result().get("state")
        states: tuple[EndState, ...] = get_args(EndState)
        return next((state for state in states if state == found), "interrupted")

    def ended_because(self, records: Sequence[Record]) -> str:
        """Say why there are no more trials; empty where there may be.

        Parameters
        ----------
        records
            All trials: where there are others than at the end, the search has gone on since.
        """
        result = self._result()
        why = result.get("ended_because")
        is_old = result.get("trials") != Counter(record.state for record in records)
        return why if isinstance(why, str) and not is_old else ""

    def records(self) -> list[Record]:
        """Read all trials from the study."""
        return self.study().records()

    def potential_of(self, trial: int | None = None) -> Path:
        """Return the folder of a potential.

        Parameters
        ----------
        trial
            Number of the trial; None: the confirmed winner's, or else the one with the lowest
            score.

        Raises
        ------
        SearchError
            If there is no such trial or it has no potential.
        """
        records = self.records()
        if trial is None and self.confirmed_file.is_file() and self.best.is_dir():
            return self.best
        if trial is None:
            best = ranked(records)
            if not best:
                raise SearchError(f"no trial of the search {self.name} is complete; wait for one")
            trial = best[0].number
        elif not 0 <= trial < len(records):
            raise SearchError(
                f"the search {self.name} has the trials 0 to {len(records) - 1}; found {trial}"
            )
        path = records[trial].directory / POTENTIAL
        if not path.is_dir():
            raise SearchError(
                f"trial {trial} is {records[trial].state} and has no potential; choose another"
            )
        return path

    def write_settings(self, text: str) -> None:
        """Keep the settings file as the user gave it, with its comments.

        A password in it stays, because --resume and all that read the study need it; then only
        the owner may read the file.  What is made of it (settings of trials, MLflow) has none.
        """
        write_text(self.settings_file, text, private=mask_credentials(text) != text)

    def space(self) -> SearchSpace:
        """Read what is searched."""
        return SearchSpace.read(self.settings_file)

    def study(self) -> Study:
        """Open the study for reading."""
        from autune.search.study.study import Study

        return Study.open(self)

    def _result(self) -> dict[str, Any]:
        """Read how the search ended; nothing where it has not or the file is damaged."""
        try:
            content = json.loads((self.path / "result.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only process that writes this search; the lock ends with the process.

        Raises
        ------
        SearchError
            If another process runs this search, or nothing can be written in its folder.
        """
        with self._open_lock() as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SearchError(
                    f"the search {self.name} is running in another process; wait for it or stop it"
                ) from None
            except OSError:
                pass  # A file system without locks: nothing can be said.
            yield

    def _open_lock(self) -> TextIO:
        try:
            return (self.path / ".lock").open("a")
        except OSError as error:
            raise _unwritable(self.path, error) from None


def place(name: str, results: str | Path) -> SearchFolder:
    """Return the folder of a search that may not exist yet.

    Raises
    ------
    SearchError
        If the name could leave the folder of results.
    """
    pattern = Settings.model_fields["name"].metadata
    allowed = next(m.pattern for m in pattern if getattr(m, "pattern", None))
    if not re.fullmatch(allowed, name) or len(name) > 80:
        raise SearchError(
            f"the name of a search is made of letters, digits, dot, - and _, begins with a letter "
            f"or digit and has at most 80 of them; found {name!r}"
        )
    return SearchFolder(Path(results).resolve() / name)


def open_search(name_or_folder: str | Path, results: str | Path = "results") -> SearchFolder:
    """Find a search by its name or its folder.

    Parameters
    ----------
    name_or_folder
        Name of a search in `results`, or path of its folder.
    results
        Folder of all searches.

    Raises
    ------
    SearchError
        If there is none, with the nearest name that exists.
    """
    given = Path(name_or_folder)
    for path in (Path(results) / given, given):
        try:
            if (folder := SearchFolder(path.resolve())).exists:
                return folder
        except (OSError, ValueError):  # no folder can have this name
            continue
    names = existing(results)
    near = difflib.get_close_matches(str(name_or_folder), names, n=1, cutoff=0.4)
    if near:
        hint = f"did you mean {near[0]}?"
    elif names:
        hint = f"searches there: {', '.join(names)}"
    else:
        hint = "there is no search yet; start one with autune search"
    raise SearchError(f"no search {str(name_or_folder)!r} in {results}; {hint}")


def existing(results: str | Path = "results") -> list[str]:
    """List the names of all searches."""
    try:
        folders = [SearchFolder(path) for path in Path(results).iterdir() if path.is_dir()]
        return sorted(folder.name for folder in folders if folder.exists)
    except (OSError, ValueError):
        return []


def copy_folder(source: Path, target: Path) -> None:
    """Put a copy of a folder in the place of another, whole or not at all.

    Raises
    ------
    SearchError
        If it cannot be written.
    """
    fresh = target.with_name(f".{target.name}.new")
    old = target.with_name(f".{target.name}.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        shutil.copytree(source, fresh)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise _unwritable(target, error) from None
    shutil.rmtree(old, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> SearchError:
    # The error of a whole folder is a list: source, target and reason of each file.
    first = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror or error
    return SearchError(
        f"{path} cannot be written: {str(first).lower()}; mend it and go on with --resume"
    )
