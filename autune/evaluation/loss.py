"""One number from all errors of a potential."""

from __future__ import annotations

import math
from collections.abc import Mapping

from autune.settings import ScoreSettings


def score(metrics: Mapping[str, float], settings: ScoreSettings) -> float:
    """Weigh the errors of a potential: the weighted mean of errors over their scales.

    sum_k w_k metric_k / scale_k / sum_k w_k over energy_rmse, force_rmse, property_error and, if
    the settings name it, stress_rmse, as far as metrics has them; the weights of others and other
    metrics do not count.  Where all that metrics has are of weight 0 (epochs, when only the
    property error counts), they count equally.

    Parameters
    ----------
    metrics
        Errors by name: energy_rmse [eV/atom], force_rmse [eV/Angstrom], property_error [%],
        stress_rmse [GPa].
    settings
        Scale and weight of each term.

    Returns
    -------
    float
        The score, 1 when every error equals its scale; infinite when an error that counts is not
        finite or none is known.
    """
    targets = {
        "energy_rmse": settings.energy_rmse,
        "force_rmse": settings.force_rmse,
        "property_error": settings.property_error,
    }
    if settings.stress_rmse is not None:
        targets["stress_rmse"] = settings.stress_rmse
    known = [
        (metrics[name] / target.scale, target.weight)
        for name, target in targets.items()
        if name in metrics
    ]
    counted = [(term, weight) for term, weight in known if weight > 0.0]
    if not counted:
        counted = [(term, 1.0) for term, _ in known]
    if not counted or not all(math.isfinite(term) for term, _ in counted):
        return math.inf
    return sum(term * weight for term, weight in counted) / sum(weight for _, weight in counted)
