"""How much each parameter has to do with a metric.  A door of Optuna.

By PED-ANOVA (Watanabe, Bansal, Hutter, IJCAI 2023, arXiv:2304.10255; with conditions between
parameters: arXiv:2601.20800), Optuna's default: by how much the distribution of a parameter among
the best trials differs from that among all.  Optuna's other evaluators need
scikit-learn, draw random forests, and leave out every parameter that a condition can switch off.

A share says nothing about its own uncertainty: of parameters without any effect each has one too.
What can be told from noise is said by `autune.evaluation.effects`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import cast

import optuna
from optuna.trial import FrozenTrial, TrialState

_BEST = 0.1
"""Share of the trials that are the best."""
_FEWEST_BEST = 5
"""Of which Optuna's manual says that the result is stable."""
_FEWEST_TRIALS = 2 * _FEWEST_BEST


def find_importances(study: optuna.Study, metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the share of each parameter in what makes a metric low, the largest first.

    Parameters
    ----------
    study
        Optuna's study; only its complete trials count.
    metrics
        Of the trials.

    Returns
    -------
    dict of str to dict
        Shares by metric and parameter; those of a metric add up to 1.  A metric is left out if
        fewer than ten trials have it, if fewer than two parameters vary, if all trials have the
        same value, or if it is the value of a property, of which none is better than another.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    found = {
        metric: _importances(study, complete, metric)
        for metric in metrics
        if not metric.startswith("property.")
    }
    return {metric: shares for metric, shares in found.items() if shares}


def _importances(
    study: optuna.Study, complete: Sequence[FrozenTrial], metric: str
) -> dict[str, float]:

    def value_of(trial: FrozenTrial) -> float:
        outcome = trial.user_attrs.get("outcome", trial.user_attrs)
        metrics = cast(Mapping[str, float], outcome.get("metrics", {}))
        return float(metrics.get(metric, math.nan))

    finite = [trial for trial in complete if math.isfinite(value_of(trial))]
    values: dict[str, set[str]] = {}
    for trial in finite:
        for name, value in trial.params.items():
            values.setdefault(name, set()).add(repr(value))
    varied = sorted(name for name, seen in values.items() if len(seen) > 1)
    if len(finite) < _FEWEST_TRIALS or len(varied) < 2 or len(set(map(value_of, finite))) < 2:
        return {}
    # Here, since it is half a second that few commands need.
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    evaluator = PedAnovaImportanceEvaluator(
        target_quantile=max(_BEST, _FEWEST_BEST / len(finite))
    )  # fmt: skip
    with warnings.catch_warnings():  # about conditions under which there are few trials
        warnings.simplefilter("ignore")
        shares = get_param_importances(study, evaluator=evaluator, params=varied, target=value_of)
    if len(set(shares.values())) < 2:  # equal ones are Optuna's answer where it has none
        return {}
    return {name: float(share) for name, share in shares.items()}
