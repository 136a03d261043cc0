"""n2p2's training keywords as settings of a training.

Sequences of random numbers are another matter: with the same settings both choose other
candidates and other test structures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from autune.formats.keywords import Keywords, Line
from autune.project.notes import Note
from autune.training.keywords import JACOBIAN_MODES, SELECTION_MODES

KALMAN = {
    "epsilon": "kalman_epsilon", "q0": "kalman_q0", "qtau": "kalman_qtau", "qmin": "kalman_qmin",
}  # fmt: skip
STANDARD = {"eta": "kalman_eta", "etatau": "kalman_etatau", "etamax": "kalman_etamax"}
ADAM = {
    "eta": "gradient_adam_eta", "beta1": "gradient_adam_beta1", "beta2": "gradient_adam_beta2",
    "epsilon": "gradient_adam_epsilon",
}  # fmt: skip
FADING = {"lambda": "kalman_lambda_short", "nue": "kalman_nue_short"}

MOST_STREAMS = 32
"""Observations of an update where n2p2 took those of a whole epoch at once."""

EXCLUSIVE = (
    ("selection_mode", "selection_mode_energy"),
    ("selection_mode", "selection_mode_force"),
    ("rmse_threshold", "short_energy_error_threshold"),
    ("rmse_threshold", "short_force_error_threshold"),
    ("rmse_threshold_trials", "rmse_threshold_trials_energy"),
    ("rmse_threshold_trials", "rmse_threshold_trials_force"),
)
"""Keywords of which the second says for one what the first says for energies and forces."""


def training_settings(
    keywords: Keywords, n_energies: int, n_forces: int
) -> tuple[dict[str, Any], list[Note]]:
    """Return the settings that the keywords mean, and what they cannot say.

    Parameters
    ----------
    keywords
        Of an input.nn; those that are looked at are known afterwards.
    n_energies, n_forces
        Structures and force components to train with; fractions refer to them.

    Raises
    ------
    FormatError
        With the line that is wrong or contradicts another.
    """
    _refuse_contradictions(keywords)
    notes: list[Note] = []
    settings: dict[str, Any] = {}
    if (line := keywords.get("epochs")) is not None:
        settings["epochs"] = max(1, _whole(line))
        if settings["epochs"] != _whole(line):
            notes.append(Note("epochs", "0 only draws weights; autune trains 1 at least"))
    settings |= _schedule(keywords, n_energies, n_forces, notes)
    if (line := keywords.get("jacobian_mode")) is not None:
        settings["multistream"] = _choice(line, JACOBIAN_MODES)
    settings["force_weight"] = _positive(keywords, "force_weight", 1.0)
    settings["selection"] = _selection(keywords, notes)
    settings |= _optimizer(keywords, notes)
    settings["kalman"] = _kalman(keywords, notes)
    sigma = "scale_symmetry_functions_sigma"
    others = ("scale_symmetry_functions", "center_symmetry_functions")
    if keywords.on(sigma) and sum(keywords.on(other) for other in others):
        notes.append(Note(sigma, "not used beside scale_ or center_symmetry_functions, as in n2p2"))
    settings["normalization"] = _normalization(keywords)
    settings["initialization"] = _initialization(keywords)
    if (line := keywords.get("random_seed")) is not None:
        settings["seed"] = _whole(line)
    return settings, notes


def _whole(line: Line, at_least: int = 0) -> int:
    line.expect(1, "one whole number")
    value = line.count(0)
    if value < at_least:
        raise line.error(f"expected {at_least} or more, found {value}")
    return value


def _positive(keywords: Keywords, keyword: str, default: float) -> float:
    value = keywords.number(keyword, default)
    if value <= 0.0:
        raise keywords.need(keyword).error(f"expected a positive number, found {value:g}")
    return value


def _fraction(keywords: Keywords, keyword: str, default: float) -> float:
    value = keywords.number(keyword, default)
    if value < 0.0:
        raise keywords.need(keyword).error(f"expected a number not below 0, found {value:g}")
    return value


def _choice(line: Line, codes: Mapping[str, int]) -> str:
    """Return the name of the code that a line begins with."""
    if not line.words:
        raise line.error("expected a whole number, found nothing")
    code = line.count(0)
    for name, known in codes.items():
        if known == code:
            return name
    meanings = ", ".join(f"{known} ({name})" for name, known in codes.items())
    raise line.error(f"expected {meanings}; found {line.words[0]}")


def _refuse_contradictions(keywords: Keywords) -> None:
    for both, one in EXCLUSIVE:
        _refuse_both(keywords, both, one, "both say the same of one kind of update")
    normalize = keywords.get("normalize_data_set")
    if normalize is not None and normalize.words != ["stats-only"]:
        _refuse_both(
            keywords, "normalize_data_set", "mean_energy", "the data would be normalised twice"
        )
    updater, jacobian = keywords.get("updater_type"), keywords.get("jacobian_mode")
    if updater and jacobian and _whole(updater) == 0 and _whole(jacobian) != 0:
        raise jacobian.error(
            f"gradient descent (updater_type 0, line {updater.number}) knows jacobian_mode 0 only; "
            "change one of them"
        )
    if keywords.on("repeated_energy_update") and keywords.on("use_short_forces"):
        _refuse_both(keywords, "use_short_forces", "repeated_energy_update", "n2p2 aborts")


def _refuse_both(keywords: Keywords, first: str, second: str, why: str) -> None:
    a, b = keywords.get(first), keywords.get(second)
    if a is not None and b is not None:
        earlier, later = sorted((a, b), key=lambda line: line.number)
        raise later.error(
            f"contradicts {earlier.keyword} in line {earlier.number} ({why}); remove one"
        )


def _schedule(
    keywords: Keywords, n_energies: int, n_forces: int, notes: list[Note]
) -> dict[str, Any]:
    """Return updates of an epoch, the share of forces among them, and their streams (N2P2 8.2)."""
    batch = {kind: keywords.get(f"task_batch_size_{kind}") for kind in ("energy", "force")}
    size = {kind: 1 if line is None else _whole(line) for kind, line in batch.items()}
    observations = {"energy": n_energies * _fraction(keywords, "short_energy_fraction", 1.0)}
    share = _fraction(keywords, "short_force_fraction", 1.0)
    ratio = keywords.get("force_energy_ratio")
    observations["force"] = n_forces * share
    if ratio is not None:
        observations["force"] = n_energies * _fraction(keywords, "force_energy_ratio", 1.0)
        if keywords.get("short_force_fraction") is not None:
            notes.append(Note("short_force_fraction", "force_energy_ratio takes its place"))
    if not keywords.on("use_short_forces"):
        observations["force"], size["force"] = 0.0, size["energy"]
    found = {kind: math.floor(n + 1e-9) for kind, n in observations.items()}
    streams = size["force"]
    if size["energy"] != size["force"] or streams == 0:
        alone = found["force"] == 0
        streams = streams or (found["energy"] if alone else min(MOST_STREAMS, sum(found.values())))
        if not alone:
            notes.append(
                Note(
                    "task_batch_size_energy, task_batch_size_force",
                    f"one number of streams for both kinds of updates: {streams}, so that an epoch "
                    "has as many energies and forces as before",
                )
            )
    streams = max(1, streams)
    same = size["energy"] == size["force"] > 0
    updates = {kind: n // streams if same else math.ceil(n / streams) for kind, n in found.items()}
    total = sum(updates.values())
    if total == 0:
        return {"updates_per_epoch": 1, "force_ratio": 0.0, "streams": streams}
    return {
        "updates_per_epoch": total,
        "force_ratio": updates["force"] / total,
        "streams": streams,
    }


def _selection(keywords: Keywords, notes: list[Note]) -> dict[str, Any]:
    modes = [
        line
        for keyword in ("selection_mode_force", "selection_mode", "selection_mode_energy")
        if (line := keywords.get(keyword)) is not None
    ]
    found: dict[str, Any] = {}
    if modes:
        found["mode"] = _choice(modes[0], SELECTION_MODES)
        for line in modes:
            if len(line.words) > 1 or _choice(line, SELECTION_MODES) != found["mode"]:
                reason = f"one mode for all updates and epochs: {found['mode']}"
                notes.append(Note(line.keyword, reason))
    both = keywords.number("rmse_threshold", 0.0)
    for kind in ("energy", "force"):
        threshold = _fraction(keywords, f"short_{kind}_error_threshold", both)
        found[f"{kind}_threshold"] = threshold
    trials = [
        line
        for keyword in (
            "rmse_threshold_trials", "rmse_threshold_trials_force", "rmse_threshold_trials_energy",
        )
        if (line := keywords.get(keyword)) is not None
    ]  # fmt: skip
    if found.get("mode") == "threshold" and not trials:
        raise modes[0].error(
            "mode 2 needs rmse_threshold_trials, whose default in n2p2 is 0; add it"
        )
    if trials:
        found["trials"] = _whole(trials[0], at_least=1)
        reason = f"one number for both kinds: {found['trials']}"
        notes += [Note(x.keyword, reason) for x in trials[1:] if _whole(x) != found["trials"]]
    return found


def _optimizer(keywords: Keywords, notes: list[Note]) -> dict[str, Any]:
    """Return which optimizer, and the settings of Adam; the filter has its own."""
    updater, kind = keywords.get("updater_type"), keywords.get("gradient_type")
    adam = {
        name: _positive(keywords, keyword, 1.0)
        for name, keyword in ADAM.items()
        if keywords.get(keyword) is not None
    }
    words = ("gradient_type", "gradient_eta", *ADAM.values())
    given = [word for word in words if keywords.get(word) is not None]
    if updater is None or _choice(updater, {"Adam": 0, "Kalman filter": 1}) == "Kalman filter":
        notes += [Note(word, "not used by the Kalman filter, as in n2p2") for word in given]
        return {}
    if kind is None or _choice(kind, {"fixed step": 0, "Adam": 1}) == "fixed step":
        reason = "gradient descent with a fixed step; Adam takes its place"
        notes += [Note(word, reason) for word in ("gradient_type", "gradient_eta") if word in given]
        notes += [] if given else [Note("updater_type", reason)]
    elif "gradient_eta" in given:
        notes.append(Note("gradient_eta", "not used by Adam, as in n2p2"))
    return {"optimizer": "adam", "adam": adam, "multistream": "sum"}


def _kalman(keywords: Keywords, notes: list[Note]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind = keywords.get("kalman_type")
    found["kind"] = "standard" if kind is None else _choice(kind, {"standard": 0, "fading": 1})
    strategy = keywords.get("update_strategy")
    if strategy is not None:
        found["per_element"] = _choice(strategy, {"one": 0, "per element": 1}) == "per element"
    own, other = (STANDARD, FADING) if found["kind"] == "standard" else (FADING, STANDARD)
    for name, keyword in (KALMAN | own).items():
        if keywords.get(keyword) is not None:
            found[name] = keywords.number(keyword, 0.0)
    unused = f"not used by the {found['kind']} filter, as in n2p2"
    notes += [Note(name, unused) for name in other.values() if keywords.get(name) is not None]
    if found["kind"] == "standard" and not {"etatau", "etamax"} <= found.keys():
        # n2p2 looks at both or at none: the learning rate stays as it is.
        found["etamax"] = found.get("eta", 0.01)
    return found


def _normalization(keywords: Keywords) -> str:
    line = keywords.get("normalize_data_set")
    if line is None:
        return "none"
    if line.words not in (["stats-only"], ["ref"], ["force"]):
        found = " ".join(line.words) or "nothing"
        raise line.error(f"expected stats-only, ref or force; found {found!r}")
    return "none" if line.words == ["stats-only"] else line.words[0]


def _initialization(keywords: Keywords) -> dict[str, Any]:
    low, high = keywords.number("weights_min", -1.0), keywords.number("weights_max", 1.0)
    if high <= low:
        line = keywords.get("weights_max") or keywords.need("weights_min")
        raise line.error(f"expected weights_max above weights_min, found {high:g} and {low:g}")
    method = "nguyen_widrow" if keywords.on("nguyen_widrow_weights_short") else "glorot"
    return {"method": method, "weights_min": low, "weights_max": high}
