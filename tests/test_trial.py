"""Trials: every seed trained and judged once, everything written, gone on with after a kill."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import statistics
import subprocess
import sys
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autune.dataset import Dataset, make_folds, split_dataset
from autune.errors import ConfigError, DataError, TrainingDiverged
from autune.evaluation.accuracy import compare, measure
from autune.evaluation.metrics import metric_names
from autune.evaluation.stresses import measure_stresses
from autune.potential.model import Potential
from autune.settings import Settings
from autune.structures import Structure
from autune.training import inputs as inputs_module
from autune.training.epoch import Epoch, Judged, go_on
from autune.training.inputs import Inputs, compute_inputs
from autune.training.parallel import Communicator
from autune.trial import run, run_trial, shown, train

GOLD = Dataset.read("builtin:gold")


def make_settings(
    seeds: int = 2,
    properties: bool = False,
    evaluation: dict[str, Any] | None = None,
    **training: Any,
) -> Settings:
    wanted = {"reference": "builtin:gold", "lattice_constant": {}} if properties else None
    return Settings.from_mapping(
        {
            "name": "small",
            "dataset": {"path": "builtin:gold", "test_fraction": 0.2},
            "potential": {
                "elements": ["Au"],
                "cutoff_radius": 4.0,
                "symmetry_functions": {
                    "basis": None,
                    "radial": {"eta": [0.05, 0.4]},
                    "angular": {"functions": [[0.01, 1, 2]]},
                },
                "hidden_layers": [3],
            },
            "training": {"epochs": 2, "updates_per_epoch": 10, **training},
            "evaluation": {"seeds": seeds, "properties": wanted, **(evaluation or {})},
        }
    )


DATASET = split_dataset(GOLD, make_settings().dataset)


JUDGED = 99
"""Stands for an epoch's number where a training is judged."""


class Reports:
    """A report that keeps epochs and judgements, and stops or dies in one of them."""

    def __init__(self, stop: tuple[int, int] | None = None, die: tuple[int, int] | None = None):
        self.all: list[tuple[int, int]] = []
        self.scores: list[float] = []
        self.stop, self.die = stop, die

    @property
    def seen(self) -> list[tuple[int, int]]:
        """Epochs."""
        return [event for event in self.all if event[1] != JUDGED]

    def __call__(self, event: Epoch | Judged) -> bool:
        if isinstance(event, Judged):
            self.scores.append(event.score)
            self.all.append((event.seed, JUDGED))
        else:
            self.all.append((event.seed, event.number))
        if self.all[-1] == self.die:
            raise KeyboardInterrupt
        return self.all[-1] != self.stop


@pytest.fixture
def figures() -> None:
    """Asked for by tests that look at figures."""


@pytest.fixture(autouse=True)
def _no_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw none where no test looks: they take longer than trials as short as these."""
    if "figures" not in request.fixturenames:
        for figure in ("learning_curve", "parity", "comparison", "curves"):
            monkeypatch.setattr(shown, f"plot_{figure}", lambda *_: None)


def weights(folder: Path) -> np.ndarray:
    return Potential.load(folder).weights["Au"]


@pytest.mark.usefixtures("figures")
def test_metrics_are_means_over_seeds(tmp_path: Path) -> None:
    reports = Reports()
    result = run_trial(make_settings(properties=True), DATASET, tmp_path, reports)
    assert (result.state, result.reason) == ("complete", "")
    assert reports.all == [(0, 1), (0, 2), (0, JUDGED), (1, 1), (1, 2), (1, JUDGED)]
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["metrics"] == result.metrics
    assert reports.scores == [seed["score"] for seed in content["seeds"]]
    names = {"energy_rmse", "force_rmse", "train_energy_rmse", "train_force_rmse", "kept_epoch"}
    names |= {"epoch_seconds", "property_error", "property_error.lattice_constant", "score"}
    assert names <= set(result.metrics)
    for name in names:
        values = [seed[name] for seed in content["seeds"]]
        assert result.metrics[name] == pytest.approx(statistics.fmean(values))
        assert result.metrics[f"{name}_std"] == pytest.approx(statistics.stdev(values))
    # The errors are those of the saved potentials on the test set.
    for seed in range(2):
        potential = Potential.load(tmp_path / f"seed-{seed}" / "potential")
        test = DATASET.test_structures
        accuracy = measure(test, [potential.predict(structure) for structure in test])[-1]
        assert content["seeds"][seed]["energy_rmse"] == pytest.approx(accuracy.energy_rmse)
        assert content["seeds"][seed]["force_rmse"] == pytest.approx(accuracy.force_rmse)
    # The best seed's potential stands beside the result.
    best = min(range(2), key=lambda seed: content["seeds"][seed]["score"])
    assert result.metrics["best_seed"] == best
    np.testing.assert_array_equal(
        weights(tmp_path / "potential"), weights(tmp_path / f"seed-{best}" / "potential")
    )
    files = {path.name for path in tmp_path.iterdir()}
    assert files >= {"settings.yaml", "history.csv", "learning_curve.png", "parity.png"}
    assert not list(tmp_path.rglob("checkpoint.npz"))
    assert Settings.read(tmp_path / "settings.yaml").identity == make_settings(2, True).identity


def test_errors_of_groups_and_cost_of_predictions(tmp_path: Path) -> None:
    settings = make_settings(evaluation={"group_errors": True})
    dataset = split_dataset(
        GOLD, settings.dataset.model_copy(update={"train_without_groups": ("surface_100", "bcc")})
    )
    np.testing.assert_array_equal(dataset.test, DATASET.test)
    result = run_trial(settings, dataset, tmp_path)
    assert set(metric_names(settings, dataset)) == set(result.metrics)
    potential = Potential.load(tmp_path / "seed-1" / "potential")
    test = dataset.test_structures
    content = json.loads((tmp_path / "result.json").read_text())
    predictions = [potential.predict(structure) for structure in test]
    stresses = measure_stresses(test, predictions)
    for accuracy in measure(test, predictions)[:-1]:
        for name in ("energy_rmse", "force_rmse"):
            found = content["seeds"][1][f"{name}.{accuracy.group}"]
            assert found == pytest.approx(getattr(accuracy, name))
        found = content["seeds"][1][f"stress_rmse.{accuracy.group}"]
        assert found == pytest.approx(stresses[accuracy.group].stress_rmse)
    assert result.metrics["prediction_time"] > 0.0
    sizes = {name: result.metrics[name] for name in ("n_weights", "n_symmetry_functions")}
    assert sizes == {"n_weights": (3 + 1) * 3 + (3 + 1), "n_symmetry_functions": 3}
    assert result.metrics["n_weights_std"] == 0.0


@pytest.mark.parametrize("force_ratio", [0.0, 1.0])
def test_energies_or_forces_alone(tmp_path: Path, force_ratio: float) -> None:
    settings = make_settings(1, force_ratio=force_ratio, keep="last", epochs=4)
    result = run_trial(settings, DATASET, tmp_path)
    assert result.state == "complete"
    assert all(map(math.isfinite, result.metrics.values()))
    trained = "force" if force_ratio else "energy"
    with (tmp_path / "history.csv").open(newline="") as stream:
        errors = [
            float(value)
            for row in csv.DictReader(stream)
            for name, value in row.items()
            if name.startswith(f"train_{trained}_rmse")
        ]
    assert errors[-1] < errors[0]


def test_one_seed_has_no_deviation(tmp_path: Path) -> None:
    metrics = run_trial(make_settings(seeds=1), DATASET, tmp_path).metrics
    assert not [name for name in metrics if name.endswith("_std")]
    assert "property_error" not in metrics


def test_a_complete_trial_is_not_run_again(tmp_path: Path) -> None:
    first = run_trial(make_settings(), DATASET, tmp_path)
    reports = Reports()
    again = run_trial(make_settings(), DATASET, tmp_path, reports)
    assert reports.seen == []
    assert again == first
    # Other settings or other data are another trial.
    run_trial(make_settings(force_weight=2.0), DATASET, tmp_path, reports)
    assert len(reports.seen) == 4
    other = replace(DATASET, train=DATASET.train[1:])
    run_trial(make_settings(force_weight=2.0), other, tmp_path, reports)
    assert len(reports.seen) == 8


@pytest.mark.parametrize("die", [(0, 1), (0, JUDGED), (1, 1), (1, 2), (1, JUDGED)])
def test_a_killed_trial_goes_on(
    die: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autune.training.checkpoint.WRITING_SHARE", float("inf"))
    whole = run_trial(make_settings(), DATASET, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_trial(make_settings(), DATASET, tmp_path / "cut", Reports(die=die))
    (tmp_path / "cut" / "seed-0" / ".scaling.data.k3_x9abc").touch()  # killed while it wrote
    assert not (tmp_path / "cut" / "result.json").exists()
    reports = Reports()
    result = run_trial(make_settings(), DATASET, tmp_path / "cut", reports)
    # The epoch in flight is trained again, and nothing else.
    assert reports.seen == [epoch for epoch in [(0, 1), (0, 2), (1, 1), (1, 2)] if epoch >= die]
    for seed in range(2):
        name = f"seed-{seed}/potential"
        np.testing.assert_array_equal(
            weights(tmp_path / "cut" / name), weights(tmp_path / "whole" / name)
        )
    assert result.metrics["score"] == whole.metrics["score"]
    assert not list((tmp_path / "cut").rglob(".*"))


def test_a_kill_while_figures_are_drawn_trains_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shown, "plot_parity", die)
        with pytest.raises(KeyboardInterrupt):
            run_trial(make_settings(), DATASET, tmp_path)
    assert not (tmp_path / "result.json").exists()
    reports = Reports()
    assert run_trial(make_settings(), DATASET, tmp_path, reports).state == "complete"
    assert reports.seen == []


def test_a_stopped_trial_has_no_metrics_and_can_go_on(tmp_path: Path) -> None:
    result = run_trial(make_settings(), DATASET, tmp_path, Reports(stop=(1, 1)))
    assert (result.state, result.metrics) == ("stopped", {})
    assert result.reason == "stopped in epoch 1 of seed 1"
    assert json.loads((tmp_path / "result.json").read_text())["state"] == "stopped"
    assert len((tmp_path / "history.csv").read_text().splitlines()) >= 5
    reports = Reports()
    assert run_trial(make_settings(), DATASET, tmp_path, reports).state == "complete"
    assert reports.seen == [(1, 2)]


def test_a_trial_may_be_stopped_after_a_training(tmp_path: Path) -> None:
    result = run_trial(make_settings(seeds=3), DATASET, tmp_path, Reports(stop=(1, JUDGED)))
    assert (result.state, result.reason, result.metrics) == ("stopped", "stopped after seed 1", {})
    content = json.loads((tmp_path / "result.json").read_text())
    assert (content["state"], len(content["seeds"])) == ("stopped", 2)
    reports = Reports()
    assert run_trial(make_settings(seeds=3), DATASET, tmp_path, reports).state == "complete"
    assert reports.all == [(0, JUDGED), (1, JUDGED), (2, 1), (2, 2), (2, JUDGED)]


@pytest.mark.parametrize("last", [(0, 2), (0, JUDGED)])
def test_stop_at_the_end_comes_too_late(last: tuple[int, int], tmp_path: Path) -> None:
    result = run_trial(make_settings(seeds=1), DATASET, tmp_path, Reports(stop=last))
    assert result.state == "complete"


def test_a_diverged_seed_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = run.train_potential

    def diverge(*arguments: Any, seed: int, **options: Any) -> Any:
        if seed == 1:
            raise TrainingDiverged("the weights are not finite any more")
        return real(*arguments, seed=seed, **options)

    monkeypatch.setattr(run, "train_potential", diverge)
    result = run_trial(make_settings(), DATASET, tmp_path)
    assert (result.state, result.metrics) == ("diverged", {})
    assert result.reason == "seed 1: the weights are not finite any more"
    assert json.loads((tmp_path / "result.json").read_text())["state"] == "diverged"
    assert (tmp_path / "history.csv").is_file()
    assert not (tmp_path / "potential").exists()
    assert not list(tmp_path.rglob("checkpoint.npz"))
    # It would diverge again.
    reports = Reports()
    assert run_trial(make_settings(), DATASET, tmp_path, reports) == result
    assert reports.all == []


def test_a_test_set_that_overflows_is_a_divergence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "score", lambda *_, **__: math.inf)
    result = run_trial(make_settings(), DATASET, tmp_path)
    assert result.state == "diverged"
    assert "not finite in any epoch" in result.reason


def test_nothing_is_prepared_for_a_trial_that_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_trial(make_settings(seeds=1), DATASET, tmp_path)
    monkeypatch.setattr(run, "prepare", None)
    assert run_trial(make_settings(seeds=1), DATASET, tmp_path).state == "complete"


def test_no_trial_sees_the_holdout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held_out = DATASET.train[:9]
    dataset = replace(DATASET, train=DATASET.train[9:], holdout=held_out)
    names = {DATASET.structures[i].name for i in held_out}
    prepare = run.prepare

    def look(settings: Settings, dataset: Dataset, ranks: Communicator) -> Any:
        assert names.isdisjoint(s.name for s in dataset.structures)
        return prepare(settings, dataset, ranks)

    monkeypatch.setattr(run, "prepare", look)
    result = run_trial(make_settings(seeds=1), dataset, tmp_path)
    # Whether the holdout was taken away before changes nothing.
    again = run_trial(make_settings(seeds=1), dataset.without_holdout(), tmp_path)
    assert again == result


def test_results_that_cannot_be_written_are_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill(event: Epoch | Judged) -> bool:
        if isinstance(event, Judged):
            monkeypatch.setattr(Path, "replace", full)
        return True

    message = r"history\.csv cannot be written: no space left on device; .* has space"
    with pytest.raises(ConfigError, match=message):
        run_trial(make_settings(seeds=1), DATASET, tmp_path, fill)
    assert not (tmp_path / "result.json").exists()
    # With space again, nothing is trained again.
    monkeypatch.undo()
    reports = Reports()
    assert run_trial(make_settings(seeds=1), DATASET, tmp_path, reports).state == "complete"
    assert reports.seen == []


# ---- cross-validation ------------------------------------------------------------------------


def cross_validated(how: str = "k_fold", seeds: int = 2, **evaluation: Any) -> Settings:
    return make_settings(seeds, evaluation={"cross_validation": how, "folds": 3, **evaluation})


def test_every_fold_is_trained_with_every_seed(tmp_path: Path) -> None:
    settings = cross_validated()
    reports = Reports()
    result = run_trial(settings, DATASET, tmp_path, reports)
    assert result.state == "complete"
    assert reports.all == [(k, event) for k in range(6) for event in (1, 2, JUDGED)]
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["folds"] == ["1", "1", "2", "2", "3", "3"]
    # Errors are those of each potential on the structures of its own test.
    folders = [f"fold-{fold}/seed-{seed}" for fold in (1, 2, 3) for seed in (0, 1)]
    folds = make_folds(DATASET, settings)
    for folder, fold, metrics in zip(folders, np.repeat(folds, 2), content["seeds"], strict=True):
        potential = Potential.load(tmp_path / folder / "potential")
        test = fold.dataset.test_structures
        accuracy = measure(test, [potential.predict(structure) for structure in test])[-1]
        assert metrics["energy_rmse"] == pytest.approx(accuracy.energy_rmse)
        assert metrics["force_rmse"] == pytest.approx(accuracy.force_rmse)
    forces = np.array([seed["force_rmse"] for seed in content["seeds"]]).reshape(3, 2)
    assert result.metrics["force_rmse"] == pytest.approx(forces.mean())
    assert result.metrics["force_rmse_std"] == pytest.approx(forces.mean(axis=0).std(ddof=1))
    # No training is done twice.
    assert len({tuple(weights(tmp_path / folder / "potential")) for folder in folders}) == 6
    # The potential is that of the training with the median score.
    scores = [seed["score"] for seed in content["seeds"]]
    median = folders[scores.index(sorted(scores)[2])]
    assert content["potential"] == median
    np.testing.assert_array_equal(
        weights(tmp_path / "potential"), weights(tmp_path / median / "potential")
    )
    history = (tmp_path / "history.csv").read_text().splitlines()
    assert history[0].startswith("fold,seed,number,")
    assert [line.split(",")[:3] for line in history[1:]] == [
        [str(k // 2 + 1), str(k), str(epoch)] for k in range(6) for epoch in range(3)
    ]
    assert not list(tmp_path.rglob("checkpoint.npz"))


def test_all_structures_are_predicted_by_potentials_that_have_not_seen_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    def note(structures: Sequence[Structure], predictions: Sequence[Any]) -> Any:
        compared.extend(s.name for s in structures)
        return compare(structures, predictions)

    monkeypatch.setattr(shown, "compare", note)
    run_trial(cross_validated(seeds=1), DATASET, tmp_path)
    assert sorted(compared) == sorted(s.name for s in GOLD.structures)


def test_errors_of_the_group_left_out_are_metrics(tmp_path: Path) -> None:
    settings = cross_validated("leave_one_group_out")
    result = run_trial(settings, DATASET, tmp_path)
    content = json.loads((tmp_path / "result.json").read_text())
    by_group: dict[str, list[dict[str, float]]] = {}
    for group, metrics in zip(content["folds"], content["seeds"], strict=True):
        by_group.setdefault(group, []).append(metrics)
    assert set(by_group) == set(GOLD.groups)
    for group, seeds in by_group.items():
        for name in ("energy_rmse", "force_rmse", "score"):
            values = [seed[name] for seed in seeds]
            assert result.metrics[f"{name}.{group}"] == pytest.approx(statistics.fmean(values))
            std = result.metrics[f"{name}.{group}_std"]
            assert std == pytest.approx(statistics.stdev(values))
    assert {path.name for path in tmp_path.glob("fold-*")} == {f"fold-{g}" for g in GOLD.groups}
    assert sorted(metric_names(settings, DATASET)) == sorted(result.metrics)


@pytest.mark.parametrize(
    ("how", "seeds", "reference"),
    [
        ("none", 1, None),
        ("none", 2, "builtin:gold"),
        ("k_fold", 2, None),
        ("leave_one_group_out", 1, "builtin:gold"),
    ],
)
def test_metric_names_are_those_of_a_complete_trial(
    how: str, seeds: int, reference: str | None, tmp_path: Path
) -> None:
    wanted = {
        "reference": reference,
        "lattice_constant": {},
        "surface_energy": {"facets": ["100"]},
        "equation_of_state_curves": {"points": 3},
    }
    settings = cross_validated(how, seeds, properties=wanted, folds=2)
    settings = settings.model_copy(
        update={"training": settings.training.model_copy(update={"epochs": 1})}
    )
    result = run_trial(settings, DATASET, tmp_path)
    assert sorted(metric_names(settings, DATASET)) == sorted(result.metrics)
    curves = (tmp_path / "curves.csv").read_text()
    assert "equation_of_state_bcc,volume,Angstrom^3/atom" in curves
    assert ("reference" in curves) == (reference is not None)


def test_a_cross_validation_killed_again_and_again_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autune.training.checkpoint.WRITING_SHARE", float("inf"))
    whole = run_trial(cross_validated(), DATASET, tmp_path / "whole")
    before = (0, 0)
    every = [(k, epoch) for k in range(6) for epoch in (1, 2)]
    for die in [(0, JUDGED), (1, 2), (3, 1), (5, 2), (5, JUDGED)]:
        reports = Reports(die=die)
        with pytest.raises(KeyboardInterrupt):
            run_trial(cross_validated(), DATASET, tmp_path / "cut", reports)
        assert reports.seen == [epoch for epoch in every if before <= epoch <= die]
        before = die
    reports = Reports()
    result = run_trial(cross_validated(), DATASET, tmp_path / "cut", reports)
    assert reports.seen == []
    for path in (tmp_path / "whole").glob("fold-*/seed-*/potential"):
        name = path.relative_to(tmp_path / "whole")
        np.testing.assert_array_equal(weights(path), weights(tmp_path / "cut" / name))
    measured = ("epoch_seconds", "prediction_time")
    seconds = {*measured, *(f"{name}_std" for name in measured)}
    assert {k: v for k, v in result.metrics.items() if k not in seconds} == {
        k: v for k, v in whole.metrics.items() if k not in seconds
    }


def test_what_stops_or_diverges_says_the_fold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = cross_validated("leave_one_group_out")
    for stop, reason in {
        (2, 1): "stopped in epoch 1 of fold surface_111, seed 0",
        (3, JUDGED): "stopped after fold surface_111, seed 1",
    }.items():
        result = run_trial(settings, DATASET, tmp_path, Reports(stop=stop))
        assert (result.state, result.reason) == ("stopped", reason)
    monkeypatch.setattr(run, "score", lambda *_, **__: math.inf)
    result = run_trial(settings, DATASET, tmp_path / "diverged")
    assert result.reason.startswith("fold surface_100, seed 0: the errors of the test set")


def test_inputs_of_a_fold_are_computed_once_and_gone_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[weakref.ref[Any]] = []

    def compute(*arguments: Any) -> Inputs:
        assert all(old() is None for old in computed)
        inputs = compute_inputs(*arguments)
        computed.append(weakref.ref(inputs.train.descriptors.dG_dr))
        return inputs

    monkeypatch.setattr(inputs_module, "compute_inputs", compute)
    run_trial(cross_validated(), DATASET, tmp_path)
    assert len(computed) == 3


def test_cross_validation_needs_no_split(tmp_path: Path) -> None:
    result = run_trial(cross_validated(seeds=1), GOLD, tmp_path)
    assert result.state == "complete"
    split = run_trial(cross_validated(seeds=1), DATASET, tmp_path / "split")
    assert result.metrics["force_rmse"] == split.metrics["force_rmse"]


RANKS = """
import sys
from pathlib import Path

from autune.dataset import Dataset, split_dataset
from autune.settings import Settings
from autune.training import checkpoint
from autune.training.epoch import Judged
from autune.training.parallel import find_ranks
from autune.trial import run_trial

checkpoint.WRITING_SHARE = float("inf")
settings = Settings.read(sys.argv[1])
ranks = find_ranks()
dataset = split_dataset(Dataset.read("builtin:gold"), settings.dataset)
told = []


def run(stop):
    def report(event):
        told.append(type(event).__name__[0] + str(event.seed))
        return told[-1] != stop

    return run_trial(settings, dataset, sys.argv[2], report, ranks).state


states = [run("J0"), run("E2"), run(""), run("")]
Path(f"rank-{ranks.rank}").write_text(" ".join([*states, *told]))
"""


@pytest.mark.mpi
def test_ranks_stop_go_on_and_end_together(tmp_path: Path) -> None:
    settings = cross_validated(seeds=1)
    (tmp_path / "settings.yaml").write_text(settings.to_yaml())
    mpiexec = str(Path(sys.executable).parent / "mpiexec")
    done = subprocess.run(
        [mpiexec, "-n", "2", sys.executable, "-c", RANKS, "settings.yaml", "out"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    states = "stopped stopped complete complete"
    # Only the first rank reports: a training judged, one in its first epoch, all that are left.
    told = "E0 E0 J0 J0 E1 E1 J1 E2 J0 J1 E2 J2"
    assert (tmp_path / "rank-0").read_text() == f"{states} {told}"
    assert (tmp_path / "rank-1").read_text() == states
    one = run_trial(settings, DATASET, tmp_path / "one").metrics
    two = json.loads((tmp_path / "out" / "result.json").read_text())["metrics"]
    assert two["force_rmse"] == pytest.approx(one["force_rmse"], rel=1e-6)


def test_an_empty_test_set_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="test set is empty"):
        run_trial(make_settings(), GOLD, tmp_path)
    assert not list(tmp_path.iterdir())


def test_train_takes_settings_in_any_form(tmp_path: Path) -> None:
    settings = make_settings(seeds=1)
    path = tmp_path / "settings.yaml"
    path.write_text(settings.to_yaml())
    mapping = settings.model_dump(mode="json", by_alias=True)
    results = [train(form, dataset) for form, dataset in
               [(settings, DATASET), (mapping, GOLD), (path, None)]]  # fmt: skip
    for result in results[1:]:
        np.testing.assert_array_equal(
            result.potential.weights["Au"], results[0].potential.weights["Au"]
        )
    assert go_on(results[0].epochs[-1])
