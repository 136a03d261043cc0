"""The table of the levels of a scan."""

from __future__ import annotations

import numpy as np

from autune.evaluation.effects import Sample, find_effects
from autune.page.standings import standing_table

KEY = "training.force_ratio"


def scanned(values, worse) -> list[Sample]:
    """Make a scan with ten seeds whose levels are equal but for those that are worse."""
    rng = np.random.default_rng(2)
    return [
        Sample(
            number,
            {KEY: value},
            tuple(
                {"score": 1.0, "force_rmse": 0.02 * (1.0 + (value in worse)) + 0.0002 * error}
                for error in rng.normal(size=10)
            ),
        )
        for number, value in enumerate(values)
    ]


def test_a_row_names_the_best_and_what_is_worse_by_how_much():
    (effect,) = find_effects(scanned((0.0, 0.2, 0.4, 0.6, 1.0), {1.0}), ["force_rmse"])
    (table,) = standing_table(effect, ["force_rmse"])
    (cells,) = table.rows
    row = dict(zip(table.columns, cells, strict=True))
    assert row["metric"] == "force RMSE [eV/Å]"
    assert float(row["best force_ratio"]) in (0.0, 0.2, 0.4, 0.6)
    assert row["worse"] == "1"
    assert abs(float(row["worse by"]) - 0.02) < 0.001
    assert float(row["p"].removeprefix("< ")) < 0.05
    named = row["cannot be told from it"]
    assert "1" not in named.replace(",", "").split()


def test_nothing_is_said_of_trials_that_are_not_in_pairs():
    samples = [Sample(i, {KEY: 0.1 * i}, ({"force_rmse": 1.0 + i},)) for i in range(4)]
    (effect,) = find_effects(samples, ["force_rmse"])
    assert standing_table(effect, ["force_rmse"]) == []
