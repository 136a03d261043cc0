"""The time of an update on R ranks: a model, to be drawn where nothing can be measured.

Notation
--------
======== =================================================================== =========
symbol   meaning                                                             unit
======== =================================================================== =========
R        ranks                                                               1
n, m     weights, streams (candidates of an update)                          1
k        candidates that are predicted before m of them are chosen           1
L(k, R)  largest number of k candidates that meet on a rank, expected        1
I(n, R)  largest part of P on a rank, times R                                1
w        columns of Z that wait for their subtraction, mean                  1
j(n)     Jacobian of a force component: j_0 + j_1 n                          s
c(n)     prediction of a force component: c_0 + c_1 n                        s
g_P      rate of the products P H (symv, symm, gemm, gemv)                   1/s
g_S      rate of the subtraction of Z Z^T (syrk, gemm)                       1/s
g_s      rate of products of (n, m) matrices                                 1/s
alpha    latency of a message                                                s
beta     inverse bandwidth                                                   s/byte
kappa    copy of rows in the order of the candidates                         s/byte
T_0      what the interpreter takes                                          s
======== =================================================================== =========

Candidates belong to the rank that holds their structure, so they meet on ranks as balls in bins;
structures are assumed to be many.  P is shared out by strips of columns, the rest is done by all:

    T(R)   = T_0 + k_max c + m_max j + T_g + T_P + T_add + T_s + T_S      with
    k_max  = L(k, R),  m_max = L(m, R)
    T_g    = kappa 8 n m + allgather(8 n m)                               gather of H
    T_P    = 2 n^2 m I / (R g_P) + 4 n m w / g_s                          P H, with what waits
    T_add  = allreduce(8 n m) + allreduce(8 k)                            sum of P H; errors
    T_s    = (3 n m^2 + m^3 / 3 + 2 n m) / g_s                            X^T H, Cholesky, Z, dw
    T_S    = n^2 m I / (R g_S)                                            subtraction

One rank has neither T_g nor T_add.  Messages, with s bytes and l = ceil(log2 R) (Thakur,
Rabenseifner, Gropp, Int. J. High Perform. Comput. Appl. 19, 49 (2005), whose limits between short
and long are used):

    allreduce  l alpha + l s beta               recursive doubling, up to 2 kB
               2 l alpha + 2 (R-1)/R s beta     reduce-scatter and allgather, beyond
    allgather  l alpha + (R-1)/R s beta         recursive doubling, up to 512 kB in all
               (R-1) alpha + (R-1)/R s beta     ring, beyond

Ranks of one machine share memory in place of messages: the same terms, fitted to what that takes.

Rates are those that all ranks have at once, each for the part of P next in size to what was
measured: a small part stays in a cache.  Not in the model: links or memory shared by ranks beyond
those measured, noise of the system.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import nnls

from autune.kernels.kalman import WAITING, share_columns

SHORT_ALLREDUCE = 2048
"""Bytes up to which an allreduce goes by recursive doubling."""

SHORT_ALLGATHER = 512 * 1024
"""Bytes in all up to which an allgather goes by recursive doubling."""

DRAWS = 400
"""Random distributions of candidates over ranks from which the largest number is expected."""


@dataclass(frozen=True)
class Network:
    """Latency (s) and inverse bandwidth (s/byte) of both kinds of message.

    Parameters
    ----------
    allreduce, allgather
        alpha and beta; the beta of an allreduce contains the additions.
    """

    allreduce: tuple[float, float]
    allgather: tuple[float, float]


CLUSTER = Network((1.5e-6, 1.0 / 12e9), (1.5e-6, 1.0 / 12e9))
"""Assumed, not measured: 1.5 microseconds and 12 GB/s (100 Gbit/s) for every rank."""


def allreduce_terms(size: int, n_bytes: float) -> tuple[float, float]:
    """Return how many latencies and how many bytes an allreduce takes."""
    steps = math.ceil(math.log2(size))
    if n_bytes <= SHORT_ALLREDUCE:
        return steps, steps * n_bytes
    return 2 * steps, 2 * (size - 1) / size * n_bytes


def allgather_terms(size: int, n_bytes: float) -> tuple[float, float]:
    """Return how many latencies and how many bytes an allgather of n_bytes in all takes."""
    steps = math.ceil(math.log2(size)) if n_bytes <= SHORT_ALLGATHER else size - 1
    return steps, (size - 1) / size * n_bytes


TERMS = {"allreduce": allreduce_terms, "allgather": allgather_terms}


def fit_network(size: int, measured: Mapping[str, Sequence[Sequence[float]]]) -> Network:
    """Fit latency and bandwidth to (bytes, seconds); errors count relative to the seconds."""
    found = {}
    for kind, terms in TERMS.items():
        points = measured[kind]
        steps = [terms(size, n_bytes) for n_bytes, _ in points]
        found[kind] = _fit(steps, [seconds for _, seconds in points])
    return Network(**found)


def _fit(terms: Sequence[tuple[float, float]], seconds: Sequence[float]) -> tuple[float, float]:
    """Return the factors, not negative, of two terms whose sum comes nearest to the seconds."""
    rows = np.array(terms) / np.array(seconds)[:, None]
    scale = rows.max(axis=0)
    first, second = nnls(rows / scale, np.ones(len(rows)))[0] / scale
    return float(first), float(second)


def message_seconds(network: Network, kind: str, size: int, n_bytes: float) -> float:
    """Return the time of a message."""
    if size == 1:
        return 0.0
    steps, sent = TERMS[kind](size, n_bytes)
    alpha, beta = getattr(network, kind)
    return float(steps * alpha + sent * beta)


@cache
def largest_load(count: int, size: int) -> float:
    """Return how many of `count` candidates meet on the rank with most, expected."""
    if size == 1:
        return float(count)
    generator = np.random.default_rng(1)
    loads = generator.multinomial(count, np.full(size, 1.0 / size), size=DRAWS)
    return float(loads.max(axis=1).mean())


@cache
def largest_share(n: int, size: int) -> tuple[float, float]:
    """Return the largest part of a rank: of the triangle of P, elements; in memory, bytes."""
    areas = [0.0]
    stored = [0]
    for share in share_columns([(0, n)], size):
        areas.append(sum((end - begin) * (n - 0.5 * (begin + end)) for begin, end, _ in share))
        stored.append(sum((end - begin) * (n - begin) for begin, end, _ in share))
    return max(areas), 8.0 * max(stored)


@dataclass(frozen=True)
class Machine:
    """What the model knows of a machine.

    Parameters
    ----------
    rates
        For one and for several ranks: entries with n, m, area (elements of P of a rank) and the
        rates "P H", "subtraction", "small algebra", operations per second, and "copy", bytes
        per second.
    network
        Messages.
    jacobian, prediction
        Coefficients of j(n) and c(n), constant first, seconds.
    overhead
        T_0 / m by (several ranks?, streams), seconds.
    asked
        k / m by (several ranks?, streams).
    """

    rates: Mapping[bool, Sequence[Mapping[str, float]]]
    network: Network
    jacobian: tuple[float, float]
    prediction: tuple[float, float]
    overhead: Mapping[tuple[bool, int], float]
    asked: Mapping[tuple[bool, int], float]

    def rate(self, name: str, size: int, n: int, m: int) -> float:
        """Return the rate measured nearest in streams, then in elements of P of a rank."""
        area = largest_share(n, size)[0]
        nearest = min(
            self.rates[size > 1],
            key=lambda r: (abs(math.log(r["m"] / m)), abs(math.log(r["area"] / area))),
        )
        return nearest[name]


def update_seconds(machine: Machine, size: int, n: int, m: int) -> dict[str, float]:
    """Return the parts of the time of an update, by the names of the measured parts."""
    several = size > 1
    known = min((s for kind, s in machine.overhead if kind == several), key=lambda s: abs(s - m))
    k = round(machine.asked[several, known] * m)
    area = largest_share(n, size)[0]
    small = machine.rate("small algebra", size, n, m)
    waiting = 0.0 if m >= WAITING else 0.5 * m * (WAITING // m + 1)
    j, c = (a + b * n for a, b in (machine.jacobian, machine.prediction))
    message = 8.0 * n * m
    gather = message_seconds(machine.network, "allgather", size, message)
    copy = message / machine.rate("copy", size, n, m) if several else 0.0
    return {
        "choice and else": machine.overhead[several, known] * m,
        "predictions": largest_load(k, size) * c,
        "Jacobian": largest_load(m, size) * j,
        "gather": gather + copy,
        "P H": 4.0 * area * m / machine.rate("P H", size, n, m) + 4.0 * n * m * waiting / small,
        "allreduce": message_seconds(machine.network, "allreduce", size, message)
        + message_seconds(machine.network, "allreduce", size, 8.0 * k),
        "small algebra": (3.0 * n * m**2 + m**3 / 3.0 + 2.0 * n * m) / small,
        "subtraction": 2.0 * area * m / machine.rate("subtraction", size, n, m),
    }


def speed_up(machine: Machine, size: int, n: int, m: int) -> float:
    """Return T(1) / T(R)."""
    one = sum(update_seconds(machine, 1, n, m).values())
    return one / sum(update_seconds(machine, size, n, m).values())


def learn_machine(answers: Mapping[int, Mapping[str, Any]]) -> Machine:
    """Take the parameters from the answers of one rank and of the most ranks.

    Seconds of a Jacobian, of a prediction and of the interpreter come from profiles of updates;
    rates and messages were measured apart from any training.
    """
    most = max(answers)
    network = CLUSTER if most == 1 else fit_network(most, answers[most]["network"])
    rates = {}
    for several, size in ((False, 1), (True, most)):
        rates[several] = [
            {**rate, "area": largest_share(int(rate["n"]), size)[0]}
            for rate in answers[size]["rates"]
        ]
    overhead, asked = {}, {}
    for several, size in ((False, 1), (True, most)):
        for case in sorted(answers[size]["cases"], key=lambda c: -c["n_weights"]):
            parts, m = case["parts"], case["streams"]
            overhead[several, m] = (parts["choice"] + parts["else"]) / m
            # Each rank counts its own; what all are asked about is theirs together.
            asked[several, m] = case["candidates"]["predictions"] * size / m
    return Machine(
        rates,
        network,
        _line(answers[1], "Jacobian"),
        _line(answers[1], "predictions"),
        overhead,
        asked,
    )


def _line(answer: Mapping[str, Any], part: str) -> tuple[float, float]:
    """Fit seconds of a candidate as a line over the weights, from the cases with most streams."""
    streams = max(case["streams"] for case in answer["cases"])
    cases = [
        case
        for case in answer["cases"]
        if case["streams"] == streams and case["candidates"][part] > 0.0
    ]
    if not cases:  # candidates at random are not predicted
        return 0.0, 0.0
    terms = [(1.0, float(case["n_weights"])) for case in cases]
    return _fit(terms, [case["parts"][part] / case["candidates"][part] for case in cases])
