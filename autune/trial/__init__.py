"""One trial: settings and structures go in, trained potentials and their errors come out.

A trial knows no search: it is the same function for `autune train`, for a worker of a search and
for a notebook.  It trains once for every seed; with cross-validation, every fold with every seed.
Its folder holds

    settings.yaml          all settings
    seed-0/, seed-1/, ...  one training each: potential/, properties.csv, curves.csv, its state
                           while it runs; with cross-validation in fold-1/, ..., or fold-GROUP/
    potential/             the potential of the seed with the lowest score; with cross-validation
                           that of the training with the median score (of an even number the lower
                           of the two), because the best one had the easiest test
    properties.csv         its properties that are numbers
    curves.csv             its properties that are curves, a row for every point
    history.csv            epochs of all trainings
    learning_curve.png     of all trainings
    parity.png             the test set by that potential; with cross-validation the test of every
                           fold by all its trainings, so that no structure is shown to a potential
                           that has seen it
    properties.png
    curves.png
    result.json            state and metrics, written last

A trial that finds finished or half-finished trainings of the same settings in its folder goes on
from there.
"""

from __future__ import annotations

from autune.trial.result import OVER, State, TrialResult, read_result
from autune.trial.run import run_trial, train

__all__ = ["OVER", "State", "TrialResult", "read_result", "run_trial", "train"]
