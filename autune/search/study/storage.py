"""Where a study is kept, and what happens when that place fails.  A door of Optuna.

The place is a journal in the folder of the search, or a PostgreSQL database that many searches
share.  A full disk or a folder that cannot be written ends the search; a database may be away for
some minutes.
"""

from __future__ import annotations

import logging
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import optuna
import sqlalchemy.exc
import sqlalchemy.pool
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from autune.errors import SearchError
from autune.log import mask_credentials
from autune.search.folder import JOURNAL, SearchFolder
from autune.settings.search import quote_user

log = logging.getLogger(__name__)

Result = TypeVar("Result")

IN_JOURNAL = "journal"
"""The setting for the journal."""

LONGEST_OUTAGE = 300.0
"""So long is a database waited for, s."""

_LONGEST_WAIT = 10.0
_AT_ONCE = 5
"""Searches that may begin in an empty database at the same time."""

_CONNECTION = {
    "connect_timeout": 10,
    # In a database without an encoding all text would be bytes.
    "client_encoding": "utf8",
    # A machine that vanished answers nothing: without these a query waits for hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_FAILURES = (StorageInternalError, sqlalchemy.exc.SQLAlchemyError)
_UNREADABLE = (
    KeyError, ValueError, TypeError, IndexError, AssertionError, AttributeError, ArithmeticError,
    RecursionError,
)  # fmt: skip
"""What Optuna raises for a journal that is none."""


class Store:
    """The place of one study.

    Parameters
    ----------
    folder
        Of the search.
    setting
        ``search.storage``.
    """

    def __init__(self, folder: SearchFolder, setting: str) -> None:
        self._setting = setting
        self._journal = folder.path / JOURNAL
        self._lost: SearchError | None = None
        self.in_journal = setting == IN_JOURNAL
        self.study_name = "autune" if self.in_journal else f"autune-{folder.identity}"
        self.where = str(self._journal) if self.in_journal else mask_credentials(setting)

    @classmethod
    def of(cls, folder: SearchFolder) -> Store:
        """Find the place by what lies in the folder of a search.

        Raises
        ------
        SearchError
            If there is no study.
        """
        if (folder.path / JOURNAL).is_file():
            return cls(folder, IN_JOURNAL)
        if folder.settings_file.is_file():
            setting = folder.space().example().search.storage
            if setting != IN_JOURNAL:
                return cls(folder, setting)
        raise SearchError(
            f"{folder.path} holds no search: {JOURNAL} is missing; name another folder"
        )

    @property
    def is_lost(self) -> bool:
        """Whether the place was given up."""
        return self._lost is not None

    def begin(self, work: Callable[[BaseStorage], Result], for_reading: bool = False) -> Result:
        """Do the first work with the storage; whatever is wrong is said at once.

        Raises
        ------
        SearchError
            If the storage cannot be used.
        """
        for remaining in reversed(range(_AT_ONCE)):
            try:
                with quiet():
                    return work(self._open(for_reading))
            except OSError as error:
                raise self._unwritable(error) from None
            except ImportError:
                raise SearchError(
                    "a study in PostgreSQL needs a package that is missing; "
                    "pip install 'autune[postgres]'"
                ) from None
            except sqlalchemy.exc.ArgumentError as error:
                raise SearchError(
                    f"search.storage {self.where} is no address: {error}; write "
                    "postgresql://USER@HOST/DATABASE"
                ) from None
            except _FAILURES as error:
                if for_reading and _is_about_tables(error):  # there are none
                    raise self._no_study() from None
                # Two searches that begin in an empty database make the same tables.
                if remaining and _is_about_tables(error):
                    time.sleep(0.5)
                    continue
                raise SearchError(
                    f"the study's database {self.where} cannot be used: {_reason(error)}; "
                    f"{_remedy(_reason(error))}"
                ) from None
            except _UNREADABLE as error:
                if self.in_journal:
                    raise SearchError(
                        f"{self.where} cannot be read, it is damaged ({error}); restore a copy"
                    ) from None
                if isinstance(error, KeyError):
                    raise self._no_study() from None
                raise
            except RuntimeError:  # of the tables' version
                if self.in_journal:
                    raise
                raise SearchError(
                    f"the study's database {self.where} cannot be used: its tables were made by "
                    "another version of Optuna, or by MLflow; give a database of its own"
                ) from None
        raise AssertionError("the last attempt returns or raises")

    def begin_again(self, work: Callable[[BaseStorage], Result]) -> Result:
        """Do the first work in the middle of a search: a database that is away is waited for.

        Raises
        ------
        SearchError
            If the storage cannot be used, or stays away.
        """
        if self.in_journal:
            return self.begin(work)
        return self.reach(lambda: work(self._open(for_reading=False)))

    def reach(self, work: Callable[[], Result]) -> Result:
        """Do work that may be repeated, and repeat it while the database is away.

        Raises
        ------
        SearchError
            If the database stays away, or the journal cannot be written; from then on always.
        """
        if self._lost is not None:
            raise self._lost
        began, wait, was_away = time.monotonic(), 1.0, False
        while True:
            try:
                with quiet():
                    result = work()
            except (OSError, RuntimeError) as error:
                # A lock that cannot be given back is a RuntimeError of an OSError.
                reason = error if isinstance(error, OSError) else error.__context__
                if not self.in_journal or not isinstance(reason, OSError):
                    raise
                self._lost = self._unwritable(reason)
                # Half a line: the next one must not go on in it.
                with suppress(SearchError):
                    mend_journal(self._journal.parent)
                raise self._lost from None
            except _FAILURES as error:
                if not _is_outage(error):
                    self._lost = SearchError(
                        f"the study's database {self.where} refuses: {_reason(error)}; mend it and "
                        "go on with --resume"
                    )
                    raise self._lost from None
                if time.monotonic() - began + wait > LONGEST_OUTAGE:
                    self._lost = SearchError(
                        f"the study's database {self.where} cannot be reached: {_reason(error)}; "
                        "start it and go on with --resume"
                    )
                    raise self._lost from None
                if not was_away:
                    was_away = True
                    log.warning(
                        "the study's database %s does not answer (%s); waiting for it, %g minutes "
                        "at most",
                        self.where,
                        _reason(error),
                        LONGEST_OUTAGE / 60.0,
                    )
            else:
                if was_away:
                    log.info("the study's database answers again")
                return result
            time.sleep(wait)
            wait = min(2.0 * wait, _LONGEST_WAIT)

    def _open(self, for_reading: bool) -> BaseStorage:
        if self.in_journal:
            # The lock is a link to the absolute path, so the process may change its folder.
            return JournalStorage(JournalFileBackend(str(self._journal.resolve())))
        # Braces would be filled in by Optuna.
        address = quote_user(self._setting).replace("{", "{{").replace("}", "}}")
        address = address.replace("postgresql://", "postgresql+psycopg://", 1)
        # Keeps no connection, so that none is left where tables are missing or just being made.
        storage = RDBStorage(
            address,
            {"poolclass": sqlalchemy.pool.NullPool, "connect_args": dict(_CONNECTION)},
            skip_table_creation=for_reading,
        )
        if for_reading:
            return storage
        storage = RDBStorage(
            address,
            {"pool_pre_ping": True, "connect_args": dict(_CONNECTION)},
            skip_table_creation=True,
        )
        # A connection that nobody closes is a warning.
        weakref.finalize(self, storage.engine.dispose)
        # They log connections that broke, with a traceback; what matters is said by `reach`.
        for name in ("sqlalchemy.pool", "psycopg"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return storage

    def _no_study(self) -> SearchError:
        return SearchError(
            f"the database {self.where} holds no study {self.study_name}; give the one in which "
            "the search was begun"
        )

    def _unwritable(self, error: OSError) -> SearchError:
        return SearchError(
            f"the study {self.where} cannot be written: "
            f"{(error.strerror or str(error)).lower()}; make its folder writable, with space "
            "left, and go on with --resume"
        )


def mend_journal(folder: Path) -> None:
    """Remove what a killed process left behind: half a line and the lock of the journal.

    Only for the one process that may write the study.

    Raises
    ------
    SearchError
        If the journal cannot be written.
    """
    journal = folder / JOURNAL
    if not journal.exists():
        return
    try:
        for leftover in folder.glob(f"{JOURNAL}.lock*"):
            leftover.unlink(missing_ok=True)
        content = journal.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with journal.open("r+b") as stream:
                stream.truncate(len(whole))
    except OSError as error:
        raise Store(SearchFolder(folder), IN_JOURNAL)._unwritable(error) from None  # noqa: SLF001


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's log and its notes about experimental functions from the user."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            # A trial that is told again after an outage has them already.
            warnings.filterwarnings("ignore", "The constraint value is ignored")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _cause(error: BaseException) -> BaseException:
    if isinstance(error, StorageInternalError) and error.__cause__ is not None:
        return error.__cause__
    return error


def _is_outage(error: BaseException) -> bool:
    """Whether the same work may succeed later: no connection, or one that broke."""
    cause = _cause(error)
    if isinstance(cause, sqlalchemy.exc.DBAPIError) and cause.connection_invalidated:
        return True
    return isinstance(cause, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError)


def _is_about_tables(error: BaseException) -> bool:
    return isinstance(
        _cause(error), sqlalchemy.exc.IntegrityError | sqlalchemy.exc.ProgrammingError
    )


def _reason(error: BaseException) -> str:
    cause = _cause(error)
    words = _one_line(getattr(cause, "orig", None) or cause)
    # In front of the reason stand the address, twice, and "failed: "; behind it a question.
    return words.split(" failed: ")[-1].partition(" Is the server running")[0]


def _one_line(error: object) -> str:
    return mask_credentials(" ".join(str(error).split()))


def _remedy(reason: str) -> str:
    if "password" in reason or "authentication" in reason:
        return "give the right user and password in search.storage, PGPASSWORD or ~/.pgpass"
    if "does not exist" in reason:
        return "make it, or mend search.storage"
    return "start it, or mend search.storage"
