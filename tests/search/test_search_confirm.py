"""The confirmation of a search: fresh seeds for its best settings; trials run in this process."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import fake_trial
import numpy as np
import pytest

from autune.dataset import Dataset
from autune.errors import ConfigError, FormatError
from autune.search import confirmed as room
from autune.search.confirm import FIRST_FRESH_SEED
from autune.search.confirmed import committee_folders, read_confirmed
from autune.settings import Settings
from autune.structures import Structure
from autune.training.epoch import Report

pytestmark = pytest.mark.usefixtures("without_ray")

POTENTIAL = Path(__file__).parents[1] / "reference" / "n2p2" / "net" / "act_tanh"


def settings(best=3, seeds=6, trials=8, **others):
    raw = fake_trial.settings(trials=trials, sampler="random")
    return {**raw, "confirm": {"best": best, "seeds": seeds}, **others}


def run_with_luck(at: Settings, dataset: object, directory: Path, report: Report):
    """Add luck to the score that the seed alone decides."""
    result = fake_trial.run_fake(at, dataset, directory, report)
    luck = np.random.default_rng(at.training.seed).normal(0.0, 0.1)
    metrics = {**result.metrics, "score": result.metrics["score"] + luck}
    (directory / "structures.txt").write_text(str(len(getattr(dataset, "structures", ()))))
    return replace(result, metrics=metrics)


def test_the_best_settings_get_the_same_fresh_seeds(run, tmp_path):
    result = run(settings(), run_with_luck)
    found = result.confirmed
    best = sorted(result.records, key=lambda r: r.score)[:3]
    assert {s.trial for s in found.confirmation.settings} == {r.number for r in best}
    assert all(len(numbers) == 6 for numbers in found.records.values())
    inner = result.folder.confirmation
    seeds = {}
    for record in inner.records():
        written = Settings.read(record.directory / "settings.yaml")
        trial = record.params["trial"]
        seeds.setdefault(trial, []).append(written.training.seed)
        of_search = Settings.read(result.records[trial].directory / "settings.yaml")
        assert written.evaluation.seeds == 1
        assert written.potential == of_search.potential
        assert written.training.force_ratio == of_search.training.force_ratio
    expected = [1 + FIRST_FRESH_SEED + n for n in range(6)]
    assert {tuple(found) for found in seeds.values()} == {tuple(expected)}
    assert found.confirmation.standings[0].score.n == 6
    assert json.loads((tmp_path / "fake" / "result.json").read_text())["confirmed"]["winner"] == (
        found.winner
    )
    with (tmp_path / "fake" / "confirmed.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["trial"]) for row in rows] == [s.setting for s in found.confirmation.standings]


def test_the_potential_of_the_winner_s_median_seed_is_the_best_one(run):
    result = run(settings(), run_with_luck)
    found = result.confirmed
    scores = {
        r.number: r.score for r in result.folder.confirmation.records()
        if r.params["trial"] == found.winner
    }  # fmt: skip
    assert sorted(scores, key=lambda number: scores[number])[2] == found.median_record
    chosen = result.folder.confirmation.trials / f"{found.median_record:04d}" / "potential"
    assert (result.folder.best / "input.nn").read_text() == (chosen / "input.nn").read_text()
    assert len(committee_folders(result.folder, found)) == 6
    assert result.folder.potential_of() == result.folder.best


def test_what_is_confirmed_can_be_read_again_and_a_damaged_file_is_named(run):
    result = run(settings(), run_with_luck)
    again = read_confirmed(result.folder)
    assert again.confirmation.standings == result.confirmed.confirmation.standings
    assert again.records == result.confirmed.records
    result.folder.confirmed_file.write_text('{"confirmation": 3}')
    with pytest.raises(FormatError, match=r"confirmed.json: is no confirmation \(confirmation"):
        read_confirmed(result.folder)


def test_a_confirmation_goes_on_after_a_stop(run, monkeypatch):
    done = []

    def stop_after_ten(at, dataset, directory, report):
        if at.training.seed >= FIRST_FRESH_SEED:
            if len(done) == 10:
                raise KeyboardInterrupt
            done.append(str(directory))
        return run_with_luck(at, dataset, directory, report)

    first = run(settings(), stop_after_ten)
    assert first.state == "interrupted"
    assert first.confirmed is None
    assert not first.folder.confirmed_file.exists()
    second = run(settings(), run_with_luck, resume=True)
    assert second.state == "finished"
    assert second.records == first.records
    counts = [(Path(d) / "runs.txt").read_text().count("run") for d in done]
    assert counts == [1] * 10
    uninterrupted = run(settings(), run_with_luck, name="whole").confirmed
    assert second.confirmed.confirmation.standings == uninterrupted.confirmation.standings


def test_more_trials_are_confirmed_beside_the_old_ones(run):
    first = run(settings(trials=4), run_with_luck)
    second = run(settings(trials=12), run_with_luck, resume=True)
    best = {r.number for r in sorted(second.records, key=lambda r: r.score)[:3]}
    assert {s.trial for s in second.confirmed.confirmation.settings} == best
    for trial in best & set(first.confirmed.records):
        assert second.confirmed.records[trial] == first.confirmed.records[trial]


@pytest.mark.parametrize("since", [{"best": 1, "trials": 12}, {"best": 1}], ids=["others", "fewer"])
def test_what_ran_of_a_setting_that_is_chosen_no_longer_goes_on(run, since, capsys):
    def stop_at_the_second_training(at, dataset, directory, report):
        if at.training.seed >= FIRST_FRESH_SEED and int(directory.name) == 1:
            raise KeyboardInterrupt
        return run_with_luck(at, dataset, directory, report)

    first = run(settings(trials=4), stop_at_the_second_training)
    assert first.state == "interrupted"
    second = run(settings(**{"trials": 4, **since}), run_with_luck, resume=True)
    records = second.folder.confirmation.records()
    assert records[1].params["trial"] != second.confirmed.winner
    done, wanted = re.findall(r"confirm (\d+)/(\d+) ", capsys.readouterr().out)[-1]
    assert done == wanted
    assert {record.state for record in records} == {"complete"}


def test_a_search_can_be_confirmed_later(run):
    plain = fake_trial.settings(trials=8, sampler="random")
    assert run(plain, run_with_luck).confirmed is None
    assert run(settings(), run_with_luck, resume=True).confirmed.winner is not None


def test_a_setting_that_diverges_is_not_the_winner(run):
    def diverge(at, dataset, directory, report):
        best = min((0.0, 1.0), key=lambda x: abs(at.training.force_ratio - x))
        if at.training.seed == FIRST_FRESH_SEED + 3 and at.training.force_ratio < 0.5:
            return fake_trial.Result("diverged", f"NaN, {best}")
        return run_with_luck(at, dataset, directory, report)

    result = run(settings(best=8), diverge)
    standings = result.confirmed.confirmation.standings
    assert {s.failures for s in standings} == {0, 1}
    assert [s.failures for s in standings] == sorted(s.failures for s in standings)


class TestFailedProperties:
    """What is calculated: C11, C12, C44 and the bulk modulus; all have a reference."""

    NAMES = ("C11", "C12", "C44", "bulk_modulus")

    @staticmethod
    def with_properties(**wanted):
        raw = settings(best=4, seeds=6)
        properties = {"reference": "builtin:gold", "elastic_constants": {}, **wanted}
        return {**raw, "evaluation": {"seeds": 2, "properties": properties}}

    def run_without(self, fails):
        """Make a trial that lacks the properties that `fails` names for its settings."""

        def trial(at, dataset, directory, report):
            result = run_with_luck(at, dataset, directory, report)
            failed = fails(at) if at.training.seed >= FIRST_FRESH_SEED else ()
            metrics = dict(result.metrics)
            for name in self.NAMES:
                metrics[f"property.{name}"] = np.nan if name in failed else 100.0
                metrics[f"property_error.{name}"] = 100.0 if name in failed else 1.0
            metrics["property_error"] = 50.0 if failed else 1.0
            metrics["score"] += 10.0 if failed else 0.0
            return replace(result, metrics=metrics)

        return trial

    @staticmethod
    def one_seed(*names):
        """Fail for one seed where the force ratio is small."""
        return lambda at: (
            names
            if at.training.seed == FIRST_FRESH_SEED + 3 and at.training.force_ratio < 0.3
            else ()
        )

    def confirm(self, run, fails, **wanted):
        result = run(self.with_properties(**wanted), self.run_without(fails))
        ratios = {r.number: r.params["training.force_ratio"] for r in result.records}
        return result, ratios

    def test_a_seed_that_lacks_a_property_failed(self, run):
        result, ratios = self.confirm(run, self.one_seed("C44"))
        standings = result.confirmed.confirmation.standings
        failures = {s.setting: s.failures for s in standings}
        assert failures == {trial: int(ratios[trial] < 0.3) for trial in failures}
        assert set(failures.values()) == {0, 1}
        for standing in standings:
            assert standing.score.std < 1.0
            assert not (standing.failures and standing.same_as_best)
        summary = json.loads(result.folder.confirmed_file.read_text())["summary"]
        assert "failed for 1 of 6 seeds" in summary
        assert summary.endswith("(it diverged, or a property could not be calculated)")

    def test_what_does_not_count_in_the_score_is_no_failure(self, run):
        result, _ = self.confirm(run, self.one_seed("C44"), weights={"C44": 0.0})
        assert {s.failures for s in result.confirmed.confirmation.standings} == {0}

    def test_what_no_training_can_calculate_is_no_failure(self, run):
        fails = self.one_seed("C11")
        result, ratios = self.confirm(run, lambda at: ("bulk_modulus", *fails(at)))
        for standing in result.confirmed.confirmation.standings:
            assert standing.failures == int(ratios[standing.setting] < 0.3)

    def test_where_all_fail_the_score_decides(self, run):
        result, _ = self.confirm(
            run, lambda at: ("C11",) if at.training.seed % 2 else ("C12", "C44")
        )
        assert {s.failures for s in result.confirmed.confirmation.standings} == {0}
        assert result.state == "finished"

    def test_a_committee_has_no_member_that_failed(self, run):
        result, _ = self.confirm(
            run, lambda at: ("C44",) if at.training.seed == FIRST_FRESH_SEED + 3 else ()
        )
        found = result.confirmed
        assert {s.failures for s in found.confirmation.standings} == {1}
        members = {int(path.parent.name) for path in committee_folders(result.folder, found)}
        assert members == set(found.winner_records) - {found.winner_records[2]}


class TestHoldout:
    @pytest.fixture
    def dataset(self):
        rng = np.random.default_rng(1)
        structures = [
            Structure(
                numbers=np.array([79, 79]),
                positions=np.array([[0.0, 0.0, 0.0], [2.6 + 0.3 * rng.random(), 0.0, 0.0]]),
                cell=None,
                energy=-3.0 - rng.random(),
                forces=np.zeros((2, 3)),
            )
            for _ in range(12)
        ]
        return Dataset.from_structures(structures, "dimers")

    @staticmethod
    def run_and_save(at, dataset, directory, report):
        import shutil

        result = run_with_luck(at, dataset, directory, report)
        shutil.rmtree(directory / "potential")
        shutil.copytree(POTENTIAL, directory / "potential")
        return result

    def holding_out(self, **others):
        raw = settings(best=2, seeds=3, trials=4, **others)
        return {**raw, "dataset": {**raw["dataset"], "holdout_fraction": 0.25}}

    def test_no_trial_sees_it_and_the_winner_is_measured_once(self, run, dataset, monkeypatch):
        measured = []
        original = room.measure

        def measure(structures, predictions):
            measured.append(len(structures))
            return original(structures, predictions)

        monkeypatch.setattr(room, "measure", measure)
        result = run(self.holding_out(), self.run_and_save, dataset=dataset)
        everywhere = [*result.records, *result.folder.confirmation.records()]
        assert {(r.directory / "structures.txt").read_text() for r in everywhere} == {"9"}
        assert measured == [3] * 3  # three structures, three seeds of the winner
        holdout = result.confirmed.holdout
        assert holdout.n_structures == 3
        assert holdout.metrics["energy_rmse"].n == 3
        assert np.isfinite(holdout.exported["force_rmse"])
        summary = json.loads((result.folder.path / "result.json").read_text())["confirmed"]
        assert summary["holdout"]["n_structures"] == 3
        assert summary["test"]["score"]["n"] == 3
        again = run(self.holding_out(), self.run_and_save, dataset=dataset, resume=True)
        assert measured == [3] * 3
        assert again.confirmed.holdout == holdout

    def test_it_needs_a_confirmation(self, run, dataset):
        with pytest.raises(ConfigError, match=r"holdout_fraction: .*confirm"):
            run({**self.holding_out(), "confirm": None}, dataset=dataset)

    def test_its_choice_cannot_be_searched(self, run):
        raw = self.holding_out()
        raw["dataset"]["split_seed"] = {"int": [1, 3]}
        with pytest.raises(ConfigError, match=r"dataset.split_seed: .*holdout"):
            run(raw, dataset=None)
