"""A trial on several MPI ranks: a process of its own below mpiexec, heard line by line.

The ranks run ``python -m autune.search.running.ranks SETTINGS STRUCTURES DIRECTORY``; the first
writes every epoch, and the score of every training, as a line of JSON.  When the worker goes away,
that line finds no reader and the ranks end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from autune.dataset import Dataset
from autune.errors import AutuneError
from autune.formats.files import make_folder, write_text
from autune.search.running.lock import RANKS_LOCK, working_in
from autune.search.running.packed import read_packed, write_packed
from autune.settings import Settings
from autune.training.epoch import Epoch, Judged, Report
from autune.training.parallel import ending_together, find_ranks
from autune.trial import TrialResult, read_result, run_trial

PATIENCE = 10.0
"""Seconds that ranks have to end by themselves."""

STRUCTURES = ".structures.npz"
"""File in the trial's folder, there while the ranks run."""

HERE = ("-launcher", "fork", "-hosts", "localhost")
"""Below a batch system mpiexec would put the ranks on all machines of the job."""


@dataclass(frozen=True)
class TrialOnRanks:
    """`run_trial` on several ranks of this machine, which read the structures from a file.

    Parameters
    ----------
    n_ranks
        Number of ranks.
    """

    n_ranks: int

    def __call__(
        self, settings: Settings, dataset: Dataset, directory: Path, report: Report
    ) -> TrialResult:
        """Run a trial.

        Raises
        ------
        AutuneError
            If a rank fails or dies.
        """
        make_folder(directory)
        request, structures = directory / "settings.yaml", directory / STRUCTURES
        write_text(request, settings.to_yaml())
        mpiexec = Path(sys.executable).parent / "mpiexec"
        command = [str(mpiexec), *HERE, "-n", str(self.n_ranks), sys.executable, "-m", __name__]
        log = directory / "ranks.log"
        # Ranks of a worker that was killed live on until they have something to say.
        with working_in(directory, RANKS_LOCK) as lock, log.open("w") as stream:
            write_packed(structures, dataset)
            process = subprocess.Popen(
                [*command, str(request), str(structures), str(directory)],
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                start_new_session=True,
                pass_fds=[lock],
            )
            try:
                went_on = _listen(process, report)
            finally:
                _end(process)
                structures.unlink(missing_ok=True)
        if not went_on:
            return TrialResult("stopped", "stopped by the search", {}, 0.0, directory)
        found = read_result(directory)
        if process.returncode != 0 or found is None:
            lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
            said = next((line for line in lines if line.strip()), "nothing was said")
            raise AutuneError(f"a rank failed (exit code {process.returncode}): {said}; see {log}")
        return found


def _listen(process: subprocess.Popen[str], report: Report) -> bool:
    """Pass epochs and scores on; False when the report stops the trial."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{") and not report(_read(line)):
            return False
    process.wait()
    return True


def _read(line: str) -> Epoch | Judged:
    content = json.loads(line)
    return Epoch(**content) if "number" in content else Judged(**content)


def _end(process: subprocess.Popen[str]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
    if process.stdout is not None:
        process.stdout.close()


def main(request: str, structures: str, directory: str) -> None:
    """Be one rank of a trial."""
    ranks = find_ranks()
    with ending_together(ranks):
        settings, dataset = Settings.read(request), read_packed(Path(structures))

        def report(event: Epoch | Judged) -> bool:
            print(json.dumps(asdict(event)), flush=True)  # noqa: T201
            return True

        run_trial(settings, dataset, directory, report, ranks)


if __name__ == "__main__":
    main(*sys.argv[1:])
