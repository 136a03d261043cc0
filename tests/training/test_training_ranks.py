"""Ranks: the same numbers as one rank, and an end for all when one fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import autune
from autune.kernels.kalman import Covariance, share_columns
from autune.training.shared_set import share_structures

pytestmark = pytest.mark.mpi
MPIEXEC = Path(sys.executable).parent / "mpiexec"
SETTINGS: dict[str, Any] = {
    "name": "ranks",
    "dataset": {"path": "builtin:gold"},
    "potential": {
        "elements": ["Au"],
        "cutoff_radius": 4.5,
        "symmetry_functions": {
            "basis": None,
            "radial": {"eta": [0.05, 0.2, 0.4]},
            "angular": {"functions": [[0.01, -1, 2], [0.01, 1, 2]]},
        },
        "hidden_layers": [14, 12],
    },
    "training": {"epochs": 2, "updates_per_epoch": 30, "streams": 6},
}


COMMUNICATION = """
import numpy as np
from autune.training import parallel

parallel.LARGEST_BOARD = 200
ranks = parallel.find_ranks()
everyone = np.arange(1.0, ranks.size + 1.0)
# Through memory that grows, then by messages, then through memory again.
for n in (1, 0, 5, 3, 33, 34, 2000, 4):
    for kind in (float, np.float32):
        array = np.full((n, 2), ranks.rank + 1, kind, order="F")
        ranks.add(array)
        assert (array == everyone.sum()).all()
    counts = np.arange(ranks.size) + n
    gathered = ranks.gather(np.full((3, counts[ranks.rank]), ranks.rank + 1.0), counts)
    assert (gathered == np.repeat(everyone, counts)).all()
print("the same", flush=True)
"""


def test_sums_and_gathers_are_the_same_by_memory_and_by_messages() -> None:
    command = [str(MPIEXEC), "-n", "3", sys.executable, "-c", COMMUNICATION]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("the same") == 3


def with_training(training: dict[str, object]) -> dict[str, Any]:
    return {**SETTINGS, "training": {**SETTINGS["training"], **training}}


def start(folder: Path, ranks: int, **training: object) -> subprocess.Popen[str]:
    path = folder / "out.yaml"
    path.write_text(yaml.safe_dump(with_training(training)))
    command = [MPIEXEC, "-n", str(ranks), sys.executable, "-m", "autune", "train", path]
    return subprocess.Popen(
        [*map(str, command), "-o", str(folder / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


WAYS: dict[str, dict[str, object]] = {
    "sum-sorted": {"multistream": "sum", "selection": {"mode": "sorted"}},
    "layers": {"kalman": {"decoupling": "layer"}},
    "neurons": {"kalman": {"decoupling": "neuron", "kind": "fading"}},
    "stress": {"force_ratio": 0.5, "stress_ratio": 0.3, "selection": {"stress_threshold": 1.0}},
    "adam": {"optimizer": "adam"},
}
TRAIN_ALL = """
import sys
from pathlib import Path
from autune.dataset import read_dataset, split_dataset
from autune.settings import Settings
from autune.training.parallel import find_ranks
from autune.trial import run_trial

ranks = find_ranks()
assert ranks.size == 2
for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
    settings = Settings.read(path)
    dataset = split_dataset(read_dataset(settings.dataset), settings.dataset)
    result = run_trial(settings, dataset, path.with_suffix(""), communicator=ranks)
    assert result.state == "complete", result.reason
"""


@pytest.fixture(scope="module")
def of_two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train in all ways on two ranks, which start once."""
    folder = tmp_path_factory.mktemp("ranks")
    for name, training in WAYS.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(with_training(training)))
    command = [str(MPIEXEC), "-n", "2", sys.executable, "-c", TRAIN_ALL, str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


def weights_in(folder: Path) -> np.ndarray:
    return np.loadtxt(folder / "potential" / "weights.079.data", usecols=0)


@pytest.mark.parametrize("way", WAYS)
def test_two_ranks_give_the_weights_of_one(way: str, of_two_ranks: Path) -> None:
    one = autune.train(with_training(WAYS[way])).potential.weights["Au"]
    np.testing.assert_allclose(weights_in(of_two_ranks / way), one, rtol=0, atol=1e-9)


def test_the_verb_on_two_ranks_gives_the_weights_of_one(tmp_path: Path) -> None:
    process = start(tmp_path, 2)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert said.count("written to") == 1
    one = autune.train(SETTINGS).potential.weights["Au"]
    np.testing.assert_allclose(weights_in(tmp_path / "out"), one, rtol=0, atol=1e-9)


def test_what_fails_on_all_ranks_is_said_once(tmp_path: Path) -> None:
    process = start(tmp_path, 2, group_weights={"fccc": 1.0})
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert said.count("error: training.group_weights") == 1
    assert not (tmp_path / "out").exists()


def test_the_death_of_a_rank_ends_the_job(tmp_path: Path) -> None:
    process = start(tmp_path, 2, epochs=100_000)
    assert process.stdout is not None
    process.stdout.readline()  # an epoch: all ranks are at work
    ranks = _processes_below(process.pid)
    os.kill(ranks[-1], signal.SIGKILL)
    killed = time.monotonic()
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert time.monotonic() - killed < 15


def _processes_below(parent: int) -> list[int]:
    """Processes that run autune below a process, by number."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if b"autune" in words and b"-n" not in words and _is_below(above, parent):
            found.append(int(entry.name))
    return sorted(found)


def _is_below(process: int, parent: int) -> bool:
    while process > 1:
        if process == parent:
            return True
        stat = Path(f"/proc/{process}/stat").read_text()
        process = int(stat.rpartition(")")[2].split()[1])
    return False


def test_strips_share_the_triangle_and_multiply_as_the_whole() -> None:
    generator = np.random.default_rng(1)
    n, size = 300, 3
    root = generator.normal(size=(n, n))
    P = np.tril(root @ root.T / n + np.eye(n))
    areas = [
        sum((end - begin) * (stop - begin) for begin, end, stop in share)
        for share in share_columns([(0, 1351)], size)
    ]
    assert max(areas) < 1.15 * min(areas)
    parts: list[np.ndarray] = []

    def note(array: np.ndarray) -> np.ndarray:
        parts.append(array.copy())
        return array

    H = np.asfortranarray(generator.normal(size=(n, 4)))
    for rank in range(size):
        # Without noise, an update asks to add up P H, then nothing else of the other ranks.
        covariance = Covariance(n, 1.0, rank=rank, size=size, add=note)
        covariance.packed = P.T[np.triu_indices(n)]
        with suppress(FloatingPointError):
            covariance.update(H, np.zeros(4), 1.0, 0.0)
    np.testing.assert_allclose(sum(parts), (P + np.tril(P, -1).T) @ H, rtol=0, atol=1e-10)


def test_structures_are_shared_evenly() -> None:
    n_atoms = [8, 4, 4, 4, 2, 2]
    owner = share_structures(n_atoms, 3)
    assert np.bincount(owner, weights=n_atoms).tolist() == [8.0, 8.0, 8.0]
