"""The harness notices what it is made for; searches under faults are run by `make faults`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from autune.search import Record
from autune.space import SearchSpace
from faults.__main__ import Run
from faults.checks import check_study
from faults.epochs import EpochLog
from faults.ordeal import Event
from faults.plans import draw_plan
from faults.processes import Family, send, wait_for
from faults.witness import Witness

HOOK = Path(__file__).parent / "hook"


def start(code: str, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Run Python as searches under test do, with the hook."""
    own = {"PYTHONPATH": str(HOOK), "AUTUNE_FAULTS_EPOCHS": str(folder / "epochs.log")}
    return subprocess.Popen([sys.executable, "-c", code], env=os.environ | own | environment)


def test_a_trapped_process_dies_before_its_write_and_says_so(tmp_path):
    place = tmp_path / "results"
    place.mkdir()
    code = f"from pathlib import Path\nfor i in range(5): Path('{place}', str(i)).write_text('x')"
    process = start(code, tmp_path, AUTUNE_FAULTS_DRIVER_DIES=f"3:{place}")
    assert process.wait(60) == -signal.SIGKILL
    assert sorted(path.name for path in place.iterdir()) == ["0", "1"]
    (entry,) = EpochLog(tmp_path / "epochs.log", tmp_path).read()
    assert (entry.what, entry.pid) == ("trap", process.pid)
    assert entry.directory.endswith(f"{place}/2")


def test_orphans_are_known_and_ended():
    code = "import subprocess, time; subprocess.Popen(['sleep', '300']); time.sleep(300)"
    family = Family()
    parent = subprocess.Popen([sys.executable, "-c", code])
    family.add(parent.pid)
    assert wait_for(lambda: any(p.command == "sleep 300" for p in family.look()), 60)
    send(parent.pid, signal.SIGKILL)
    parent.wait()
    assert [p.command for p in family.look()] == ["sleep 300"]
    assert [p.command for p in family.wait_until_gone(0.2)] == ["sleep 300"]
    family.kill()
    assert family.look() == []


def line(what: str, pid: int, directory: str, **more: int) -> str:
    entry = {"time": time.time(), "pid": pid, "what": what, "directory": directory, **more}
    return json.dumps(entry) + "\n"


def test_repeated_epochs_are_counted_and_half_a_line_waits(tmp_path):
    path = tmp_path / "epochs.log"
    epochs = [line("epoch", 7, "/a", seed=0, number=n) for n in (1, 2)]
    path.write_text(line("begin", 7, "/a") + "".join(epochs) + '{"time": 1')
    log = EpochLog(path, Path("/"))
    assert log.at_work() == {7: Path("/a")}
    again = line("begin", 8, "/a") + line("epoch", 8, "/a", seed=0, number=2)
    path.write_text(path.read_text().removesuffix('{"time": 1') + again + line("end", 8, "/a"))
    assert log.repeats() == 1
    assert log.begins() == {Path("/a"): 2}
    assert log.at_work() == {7: Path("/a")}


@dataclass
class Folder:
    """Stands for the folder of a search with these trials."""

    path: Path
    trials: list[Record]
    exists: bool = True

    def records(self) -> list[Record]:
        return self.trials


@pytest.fixture
def finished(tmp_path) -> Record:
    directory = tmp_path / "trials" / "0000"
    directory.mkdir(parents=True)
    (directory / "history.csv").write_text("seed,number\n")
    metrics = {"score": 1.0, "property_error": float("nan")}
    return Record(0, "complete", "", {"x": 0.5}, (1.0,), metrics, 2.0, directory)


def test_a_witness_sees_every_change_of_a_finished_trial(tmp_path, finished):
    folder = Folder(tmp_path, [finished])
    witness = Witness(folder)
    assert [*witness.look(), *witness.compare_files(quiet=False)] == []
    assert [*witness.look(), *witness.compare_files(quiet=False)] == []
    (finished.directory / "seed-0").mkdir()
    (finished.directory / "seed-0" / "checkpoint.npz").write_bytes(b"not a result")
    assert list(witness.compare_files(quiet=False)) == []
    (finished.directory / "history.csv").write_text("seed,number\n0,1\n")
    assert "history.csv" in next(witness.compare_files(quiet=False))
    folder.trials = [replace(finished, metrics={"score": 2.0})]
    assert "has changed in the study" in next(witness.look())
    folder.trials = []
    assert "has changed in the study" in next(witness.look())


def test_files_of_a_stopped_trial_are_final_when_its_worker_is_gone(tmp_path, finished):
    folder = Folder(tmp_path, [replace(finished, state="stopped")])
    witness = Witness(folder)
    assert list(witness.compare_files(quiet=False)) == []
    (finished.directory / "result.json").write_text("{}")
    assert list(witness.compare_files(quiet=True)) == []
    (finished.directory / "result.json").unlink()
    assert "result.json" in next(witness.compare_files(quiet=True))


def test_a_study_with_a_running_a_lost_or_a_repeated_trial_is_seen(tmp_path, finished):
    @dataclass
    class Search:
        path: Path
        records_: list[Record]
        trials: Path = tmp_path / "trials"

        def records(self) -> list[Record]:
            return self.records_

    def found(*records: Record, n_trials: int) -> str:
        return " ".join(check_study(Search(tmp_path, list(records)), n_trials))

    assert found(finished, n_trials=1) == ""
    assert "the study has 1" in found(finished, n_trials=2)
    assert "2 trials have the point" in found(finished, finished, n_trials=2)
    assert "still running" in found(replace(finished, state="running"), n_trials=1)
    assert "failed: disk" in found(replace(finished, state="failed", reason="disk"), n_trials=1)
    (tmp_path / "trials" / "0001").mkdir()
    assert "belongs to no trial" in found(finished, n_trials=1)


@pytest.mark.parametrize("short", [True, False])
def test_every_plan_is_a_search_space(short):
    generator = np.random.default_rng(1)
    for number in range(20):
        plan = draw_plan(generator, number, short, missing=())
        space = SearchSpace.from_mapping(plan.settings(Path("s.extxyz"), "journal", None))
        assert space.example().search.trials == plan.trials


def test_the_summary_counts_faults_by_kind(tmp_path, capsys):
    run = Run(tmp_path, seed=1)
    run.note(Event("a", "driver killed", "end", 0.0))
    run.note(Event("a", "driver killed", "end", 0.0, violations=["best/ is gone"]))
    run.note(Event("a", "worker killed", "end", 0.0, outcome="nothing to hurt"))
    run.note(Event("a", "none", "", 0.0))
    rows = {line[:22].strip(): line[22:].split() for line in run.summary().splitlines()}
    assert rows["driver killed"] == ["2", "1", "1", "0"]
    assert rows["worker killed"] == ["0", "0", "0", "1"]
    assert "VIOLATION best/ is gone" in capsys.readouterr().out
    logged = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert [event["outcome"] for event in logged] == ["survived", "violated", "nothing to hurt"]
