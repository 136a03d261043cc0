"""Updates of a training on the ranks this process belongs to, and what these ranks can do at most.

Started by ``ranks.py`` as ``mpiexec -n R python benchmarks/rank_updates.py REQUEST ANSWER``; the
request and the answer are files of JSON.

What is timed are epochs of `train_potential`, so that every update is a real one.  Functions of
autune are replaced by ones that note their time; what a noted function calls is not counted to
itself.  Besides, one epoch of each case has a barrier before every communication: what a rank
waits there for the others is not counted as communication.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cells import gold_study, make_cells, split_cells
from machine import time_calls
from scipy.linalg import blas
from threadpoolctl import threadpool_limits

from autune.formats.files import write_text
from autune.kernels.kalman import SYMM_PAYS, Covariance, share_columns
from autune.settings import Settings
from autune.structures import Structure
from autune.training import shared_set
from autune.training.candidates import Candidates
from autune.training.loop import train_potential
from autune.training.parallel import Ranks, Serial, ending_together, find_ranks
from autune.training.prepare import prepare
from autune.training.shared_set import SharedSet
from autune.training.trainer import Trainer

WATCHED = (
    (Trainer, "run_epoch", "else"),
    (Trainer, "update", "else"),
    (Candidates, "take", "choice"),
    (SharedSet, "measure", "errors of the set"),
    (SharedSet, "observe", "gather"),
    (shared_set, "predict_candidates", "predictions"),
    (shared_set, "observe_candidates", "Jacobian"),
    (Covariance, "update", "small algebra"),
    (Covariance, "_multiply", "P H"),
    (Covariance, "_subtract", "subtraction"),
    (Covariance, "settle", "subtraction"),
)
COMMUNICATION = ((Ranks, "add", "allreduce"), (Ranks, "gather", "gather"))

PARTS = (
    "choice", "predictions", "Jacobian", "gather", "P H", "allreduce", "small algebra",
    "subtraction", "else", "waiting",
)  # fmt: skip
"""Of the time of an update; waiting: for slower ranks."""

Function = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A training of which epochs are timed.

    Parameters
    ----------
    hidden
        Neurons of the hidden layers; 26 inputs.
    streams
        Candidates of an update.
    updates
        Of an epoch.
    epochs
        That are timed, after one that is not.
    """

    hidden: tuple[int, ...]
    streams: int
    updates: int
    epochs: int


class Watch:
    """Seconds spent under each label, without those of what is called from there."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)
        self._labels = ["outside"]
        self._since = time.perf_counter()

    def begin(self, label: str) -> None:
        """Count to this label from now on."""
        self._note()
        self._labels.append(label)

    def end(self) -> None:
        """Count to the label before."""
        self._note()
        self._labels.pop()

    def _note(self) -> None:
        now = time.perf_counter()
        self.seconds[self._labels[-1]] += now - self._since
        self._since = now

    def noted(self, function: Function, label: str) -> Function:
        """Return the function that notes its time."""

        def call(*args: Any, **named: Any) -> Any:
            self.begin(label)
            try:
                result = function(*args, **named)
            finally:
                self.end()
            if label in ("predictions", "Jacobian"):
                self.counts[label] += len(result)
            return result

        return call


class Patches:
    """Functions of autune that note their time, until the end of a with statement."""

    def __init__(self, watch: Watch, ranks: Serial | Ranks) -> None:
        self.watch = watch
        self.ranks = ranks
        self.with_barriers = False
        self.epochs: list[dict[str, Any]] = []
        self._before: list[tuple[Any, str, Function]] = []

    def __enter__(self) -> Patches:
        for owner, name, label in WATCHED:
            self._replace(owner, name, self.watch.noted(getattr(owner, name), label))
        for owner, name, label in COMMUNICATION:
            noted = self.watch.noted(getattr(owner, name), label)
            self._replace(owner, name, self._after_barrier(noted))
        self._replace(Trainer, "run_epoch", self._epoch(Trainer.run_epoch))
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, function in reversed(self._before):
            setattr(owner, name, function)

    def _replace(self, owner: Any, name: str, function: Function) -> None:
        self._before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, function)

    def _after_barrier(self, function: Function) -> Function:
        def call(*args: Any) -> Any:
            if self.with_barriers:
                self.watch.begin("waiting")
                meet(self.ranks)
                self.watch.end()
            return function(*args)

        return call

    def _epoch(self, run: Function) -> Function:
        def call(trainer: Trainer) -> None:
            meet(self.ranks)
            self.watch.seconds.clear()
            self.watch.counts.clear()
            run(trainer)
            self.epochs.append(
                {"seconds": dict(self.watch.seconds), "counts": dict(self.watch.counts)}
            )

        return call


def meet(ranks: Serial | Ranks) -> None:
    """Wait for the other ranks."""
    if isinstance(ranks, Ranks):
        from mpi4py import MPI

        MPI.COMM_WORLD.Barrier()


def settings_of(case: Case, selection: str) -> Settings:
    """Return the gold study with other streams, updates, hidden layers and selection."""
    settings = gold_study(
        streams=case.streams, updates_per_epoch=case.updates, epochs=case.epochs + 2
    )
    content = settings.model_dump(mode="json", by_alias=True)
    content["training"]["selection"]["mode"] = selection
    content["potential"]["hidden_layers"] = list(case.hidden)
    return Settings.from_mapping(content)


def time_case(
    case: Case, settings: Settings, cells: Sequence[Structure], ranks: Serial | Ranks
) -> dict[str, Any]:
    """Train; return seconds of an update epoch by epoch, and its parts with barriers."""
    prepared = prepare(settings, split_cells(list(cells)), ranks)
    with Patches(Watch(), ranks) as patches:

        def report(epoch: Any) -> bool:
            return True

        def score(errors: Any) -> float:
            patches.with_barriers = len(patches.epochs) == case.epochs + 1
            return float(errors["energy_rmse"])

        trained = train_potential(settings, prepared, score, report=report, communicator=ranks)
    n_weights = sum(len(weights) for weights in trained.potential.weights.values())
    *timed, apart = patches.epochs[1:]
    u = case.updates
    return {
        "n_weights": n_weights,
        "streams": case.streams,
        "update": [_of_updates(epoch["seconds"]) / u for epoch in timed],
        "parts": {part: _mean(ranks, apart["seconds"].get(part, 0.0)) / u for part in PARTS},
        "with_barriers": _of_updates(apart["seconds"]) / u,
        "candidates": {
            kind: _mean(ranks, float(apart["counts"].get(kind, 0))) / u
            for kind in ("predictions", "Jacobian")
        },
    }


def _of_updates(seconds: dict[str, float]) -> float:
    return sum(seconds.get(part, 0.0) for part in PARTS)


def _mean(ranks: Serial | Ranks, value: float) -> float:
    return float(ranks.add(np.array([value]))[0]) / ranks.size


def measure_rates(n: int, m: int, runs: int, ranks: Serial | Ranks) -> dict[str, float]:
    """Return what a rank does per second while all ranks do the same, the mean of ranks.

    Of P H and of the subtraction for this rank's strips (one rank: symm or symv, syrk; several:
    gemm), and of X^T H, which every rank does.  The operations of P H are 4 for each element of
    the triangle and observation, those of the subtraction 2.  The copy, bytes per second, puts
    rows in another order, as after a gather.
    """
    strips = []
    area = 0.0
    for begin, end, _ in share_columns([(0, n)], ranks.size)[ranks.rank]:
        first = 0 if ranks.size == 1 else begin
        # Numbers in all of it: zeros that nobody has written have no memory of their own.
        strips.append((begin, end, np.full((n - first, end - begin), 0.1, order="F")))
        area += (end - begin) * (n - 0.5 * (begin + end))
    k = max(m, 32)
    generator = np.random.default_rng(1)
    H, Z = (np.asfortranarray(generator.normal(size=(n, columns))) for columns in (m, k))

    def multiply() -> None:
        if ranks.size > 1:
            for begin, end, block in strips:
                block.T @ H[begin:]
                block @ H[begin:end]
        elif m >= SYMM_PAYS:
            blas.dsymm(1.0, strips[0][2], H, lower=1)
        else:
            for j in range(m):
                blas.dsymv(1.0, strips[0][2], H[:, j], lower=1)

    def subtract() -> None:
        for begin, end, block in strips:
            if ranks.size > 1:
                blas.dgemm(-1.0, Z[begin:], Z[begin:end], 1.0, block, trans_b=1, overwrite_c=1)
            else:
                blas.dsyrk(-1.0, Z, beta=1.0, c=block, lower=1, overwrite_c=1)

    order = generator.permutation(m)
    rates = {}
    for name, function, amount in (
        ("P H", multiply, 4.0 * area * m),
        ("subtraction", subtract, 2.0 * area * k),
        ("small algebra", lambda: blas.dgemm(1.0, H, H, trans_a=1), 2.0 * n * m * m),
        ("copy", lambda: H.T[order], 8.0 * n * m),
    ):
        meet(ranks)
        rates[name] = _mean(ranks, amount / time_calls(function, runs).median)
    return rates


def measure_network(
    largest: int, runs: int, ranks: Serial | Ranks
) -> dict[str, list[tuple[int, float]]]:
    """Return (bytes, seconds) of a sum and of a gather of so many bytes in all."""
    found: dict[str, list[tuple[int, float]]] = {"allreduce": [], "allgather": []}
    size = 8
    while size <= largest:
        source = np.zeros(size // 8)
        counts = np.array([len(part) for part in np.array_split(source, ranks.size)])
        mine = source[None, : counts[ranks.rank]].copy()
        for name, function in (
            ("allreduce", lambda s=source: ranks.add(s)),
            ("allgather", lambda s=mine, c=counts: ranks.gather(s, c)),
        ):
            calls = max(2, min(200, int(1e7 / size)))
            seconds = []
            for _ in range(runs + 1):
                meet(ranks)
                start = time.perf_counter()
                for _ in range(calls):
                    function()
                seconds.append((time.perf_counter() - start) / calls)
            found[name].append((size, float(np.median(seconds[1:]))))
        size *= 8
    return found


def answer(request: dict[str, Any], ranks: Serial | Ranks) -> dict[str, Any]:
    """Do what is asked for."""
    cases = [Case(**{**case, "hidden": tuple(case["hidden"])}) for case in request["cases"]]
    cells = make_cells(request["cells"], tuple(request["repeat"]))
    found: dict[str, Any] = {
        "ranks": ranks.size,
        "load_average": os.getloadavg()[0],
        "cases": [
            time_case(case, settings_of(case, request["selection"]), cells, ranks) for case in cases
        ],
    }
    if request["rates"]:
        runs = request["runs"]
        found["rates"] = [
            {"n": n, "m": m, **measure_rates(n, m, runs, ranks)} for n, m in request["rates"]
        ]
        if ranks.size > 1:
            found["network"] = measure_network(request["largest_message"], runs, ranks)
    return found


def request_for(cases: Sequence[Case], **rest: Any) -> dict[str, Any]:
    """Return a request as JSON can hold it."""
    return {"cases": [asdict(case) for case in cases], **rest}


def main(request: str, target: str) -> None:
    """Be one rank."""
    ranks = find_ranks()
    with ending_together(ranks), threadpool_limits(limits=1, user_api="blas"):
        found = answer(json.loads(Path(request).read_text(encoding="utf-8")), ranks)
        if ranks.rank == 0:
            write_text(Path(target), json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
