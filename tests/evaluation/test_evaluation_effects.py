"""Effects of parameters, by simulated studies whose truth is known."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats

from autune.evaluation.association import compare_apart, compare_in_pairs
from autune.evaluation.confidence import rank_settings
from autune.evaluation.effect_sentence import describe_effect
from autune.evaluation.effects import Effect, Sample, find_effects
from autune.evaluation.levels import label_of
from autune.evaluation.separation import rank_levels

NAN = math.nan
SHIFT, CUTOFF, RATIO = "symmetry_functions.r_shift", "potential.cutoff_type", "training.force_ratio"


def scan(key: str, values, scores) -> list[Sample]:
    """Make a trial for each value; scores has shape (n_values, n_seeds)."""
    return [
        Sample(number, {key: value}, tuple({"score": 1.0, "force_rmse": s} for s in row))
        for number, (value, row) in enumerate(zip(values, scores, strict=True))
    ]


def only(samples, metrics=("force_rmse",), **options) -> Effect:
    (effect,) = find_effects(samples, metrics, **options)
    return effect


def test_scan_has_intervals_over_seeds_and_pairs():
    scores = np.array([[1.0, 2.0, 3.0], [1.5, 1.9, 3.4], [9.0, 9.9, 11.2]])
    effect = only(scan(SHIFT, [0.5, -1.0, 2.0], scores))
    assert (effect.is_scan, effect.is_number, effect.others) == (True, True, "fixed")
    assert [level.value for level in effect.levels] == [-1.0, 0.5, 2.0], "by value"
    assert [level.trials for level in effect.levels] == [(1,), (0,), (2,)]
    found = effect.levels[1].estimates["force_rmse"]
    expected = stats.ttest_1samp(scores[0], 0.0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    best, second, worst = effect.standings["force_rmse"]
    assert [s.setting for s in (best, second, worst)] == [1, 0, 2], "places among the levels"
    assert second.same_as_best
    assert worst.difference.distinguishable


def test_pairs_remove_what_a_seed_does_to_all_levels():
    rng = np.random.default_rng(3)
    of_seed = rng.normal(0.0, 5.0, 6)
    scores = 100.0 + of_seed + np.array([[0.0], [1.0], [2.0]]) + rng.normal(0.0, 0.1, (3, 6))
    effect = only(scan(SHIFT, [0, 1, 2], scores))
    best, second, third = effect.standings["force_rmse"]
    assert best.score.high > third.score.low, "the intervals of the means overlap"
    assert second.difference.distinguishable
    assert third.difference.distinguishable
    assert effect.trends["force_rmse"].p < 0.01
    assert effect.trends["force_rmse"].correlation == pytest.approx(1.0)


@pytest.mark.parametrize(("n_levels", "n_seeds", "key"), [(4, 5, SHIFT), (12, 5, CUTOFF)])
def test_without_an_effect_few_scans_show_one(n_levels, n_seeds, key):
    rng = np.random.default_rng(n_levels)
    names = list(range(n_levels)) if key == SHIFT else [f"f{i:02}" for i in range(n_levels)]
    n_wrong, n_studies = 0, 150
    for _ in range(n_studies):
        # Skewed, with a seed effect and a second metric, as errors are.
        scores = np.exp(0.3 * rng.normal(size=(n_levels, n_seeds)) + rng.normal(size=n_seeds))
        effect = only(scan(key, names, scores))
        n_wrong += effect.trends["force_rmse"].matters
    assert n_wrong / n_studies < 0.09  # 5 %, and two standard errors


def study_of(n_metrics: int, scores) -> tuple[list[Sample], list[str]]:
    """Make a scan of choices with several metrics; scores(n) has shape (n_values, n_seeds)."""
    names = [f"error_{n}" for n in range(n_metrics)]
    tables = [scores(n) for n in range(n_metrics)]
    samples = [
        Sample(
            level,
            {CUTOFF: f"f{level:02}"},
            tuple(
                {"score": 1.0, **{m: float(x) for m, x in zip(names, of_seed, strict=True)}}
                for of_seed in np.array([table[level] for table in tables]).T
            ),
        )
        for level in range(len(tables[0]))
    ]
    return samples, names


def test_without_an_effect_few_studies_of_many_metrics_say_that_a_level_is_worse():
    rng = np.random.default_rng(3)
    n_wrong = 0
    for _ in range(40):
        samples, names = study_of(12, lambda _: np.exp(0.3 * rng.normal(size=(9, 10))))
        effect = only(samples, names)
        n_wrong += any("is worse" in describe_effect(effect, name) for name in names)
    assert n_wrong <= 6  # 5 %, and two standard errors; 31 % without correction over metrics


def test_one_level_of_many_is_told_from_the_others_by_few_seeds():
    rng = np.random.default_rng(5)
    worse, by_all = 0, 0
    for _ in range(10):
        bad = np.where(np.arange(25) == 7, 20.0, 1.0)[:, None]
        samples, names = study_of(2, lambda _, b=bad: np.exp(0.3 * rng.normal(size=(25, 7))) * b)
        effect = only(samples, names)
        worse += "f07 is worse, by" in describe_effect(effect, names[0])
        by_all += effect.trends[names[0]].p < 0.05
    assert worse >= 9
    assert by_all < worse, "the test of all levels alone would miss some"


def test_an_effect_of_a_scan_is_found():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(40):
        scores = 1.0 + 0.1 * np.arange(5.0)[:, None] ** 2 / 16 + rng.normal(0.0, 0.05, (5, 6))
        found += only(scan(SHIFT, range(5), scores)).trends["force_rmse"].matters
    assert found > 30


def test_many_levels_are_told_from_the_best_at_the_stated_rate():
    rng = np.random.default_rng(4)
    n_levels, n_equal, n_studies = 10, 5, 150
    wrong, found = 0, []
    for _ in range(n_studies):
        scores = np.exp(0.3 * rng.normal(size=(n_levels, 5)) + 0.5 * rng.normal(size=5))
        scores[n_equal:] *= np.arange(3.0, 3.0 + n_levels - n_equal)[:, None]
        standings = rank_levels(scores)
        told = {s.setting for s in standings if not s.same_as_best}
        wrong += any(level < n_equal for level in told)
        found.append(sum(level >= n_equal for level in told) / (n_levels - n_equal))
    assert wrong / n_studies < 0.09  # also with others that differ far more
    assert np.mean(found) > 0.9
    pairs = rank_settings(scores)
    assert [s.setting for s in rank_levels(scores)] == [s.setting for s in pairs]


def test_level_with_one_bad_seed_is_not_told_from_the_best():
    scores = 1.0 + 0.1 * np.random.default_rng(0).normal(size=(8, 5))
    scores[3] = scores.min(axis=0) - 0.01  # lowest in all seeds
    scores[3, 2] = 40.0
    by_level = {s.setting: s for s in rank_levels(scores)}
    assert by_level[3].rank == 8
    assert by_level[3].difference.p > 0.2


def test_exact_probability_of_three_levels_and_three_seeds():
    # All seeds agree: 3! of (3!)^3 orders, of which one has this direction, one the other.
    scores = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [3.0, 4.0, 5.0]])
    found = compare_in_pairs(scores, np.arange(3.0))
    assert found.p == pytest.approx(6 / 216, abs=0.006)
    assert found.trend_p == pytest.approx(2 / 216, abs=0.004)
    assert math.isnan(compare_in_pairs(scores, None).trend_p)


def test_drawn_probabilities_are_those_of_friedman_and_page_for_many_seeds():
    rng = np.random.default_rng(8)
    scores = rng.normal(size=(5, 40)) + 0.12 * np.arange(5.0)[:, None]
    found = compare_in_pairs(scores, np.arange(5.0))
    assert found.p == pytest.approx(stats.friedmanchisquare(*scores).pvalue, abs=0.01)
    page = stats.page_trend_test(scores.T, method="asymptotic").pvalue
    assert found.trend_p == pytest.approx(2 * page, abs=0.01)


def test_two_levels_are_compared_by_the_paired_t_test():
    scores = np.array([[1.0, 1.3, 0.8, 1.1], [1.2, 1.4, 1.3, 1.2]])
    found = compare_in_pairs(scores, None)
    assert found.test == "paired t-test"
    assert found.p == pytest.approx(stats.ttest_rel(*scores).pvalue)


def test_trials_are_compared_as_scipy_does():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(size=30), rng.integers(0, 9, 30).astype(float)
    groups = np.arange(30) % 3
    found = compare_apart(np.append(y, NAN), np.append(groups, 0), np.append(x, 0.5))
    assert found.p == pytest.approx(stats.kruskal(*(y[groups == g] for g in range(3))).pvalue)
    expected = stats.spearmanr(x, y)
    assert (found.correlation, found.trend_p) == pytest.approx(tuple(expected))
    assert found.low < found.correlation < found.high
    assert found.n == 30


def searched(rng, n=96, effect=0.0) -> list[Sample]:
    samples = []
    for number in range(n):
        ratio, eta = rng.uniform(), 10.0 ** rng.uniform(-4.0, 0.0)
        params = {RATIO: float(ratio), "eta": float(eta), CUTOFF: str(rng.choice(["cos", "poly2"]))}
        scores = 1.0 + effect * ratio**2 + 0.2 * rng.normal(size=2)
        trainings = tuple({"score": s, "force_rmse": s} for s in scores)
        samples.append(Sample(number, params, trainings))
    return samples


def test_search_is_binned_and_marginal():
    ratio, eta, cutoff = find_effects(searched(np.random.default_rng(0), effect=1.0), ["score"])
    for effect in (ratio, eta):
        assert not effect.is_scan
        assert effect.others == "unbalanced"
        assert effect.standings == {}
        assert [len(level.trials) for level in effect.levels] == [12] * 8
        assert all(level.estimates["score"].n == 12 for level in effect.levels), "trials, not seeds"
        ends = [end for level in effect.levels for end in level.value]
        assert ends == sorted(ends)
        assert all(level.value[0] <= level.middle <= level.value[1] for level in effect.levels)
    assert [level.value for level in cutoff.levels] == ["cos", "poly2"]
    assert not cutoff.is_number
    assert ratio.trends["score"].matters
    assert ratio.trends["score"].correlation > 0.4
    assert not eta.trends["score"].matters
    assert "marginal" in describe_effect(ratio, "score")
    assert "rises with force_ratio" in describe_effect(ratio, "score")


def test_without_an_effect_few_searches_show_one():
    rng = np.random.default_rng(1)
    wrong = [
        any(e.trends["score"].matters for e in find_effects(searched(rng, n=40), ["score"]))
        for _ in range(100)
    ]
    assert np.mean(wrong) < 0.1, "over three parameters together"


def test_few_bins_of_few_trials_and_equal_values_in_one():
    rng = np.random.default_rng(2)
    values = [*rng.uniform(0.5, 1.0, 10), *[0.1] * 6]
    samples = [
        Sample(i, {RATIO: v, "other": i % 3 + 0.1 * i}, ({"score": 1.0},))
        for i, v in enumerate(values)
    ]
    effect = find_effects(samples, ["score"])[0]
    assert 2 <= len(effect.levels) <= 4
    assert effect.levels[0].value == (0.1, 0.1)
    assert effect.levels[0].label == "0.1"
    assert sum(len(level.trials) for level in effect.levels) == 16


def factorial(rng, missing: bool = False) -> list[Sample]:
    points = [(cutoff, n) for cutoff in ("cos", "poly2") for n in (1, 2, 4)]
    of_seed = rng.normal(0.0, 1.0, 5)
    samples = []
    for number, (cutoff, streams) in enumerate(points[1:] if missing else points):
        mean = 10.0 + 0.5 * (cutoff == "cos") + 2.0 * (streams == 4)
        scores = mean + of_seed + 0.05 * rng.normal(size=5)
        trainings = tuple({"score": s, "force_rmse": s} for s in scores)
        samples.append(Sample(number, {CUTOFF: cutoff, "streams": streams}, trainings))
    return samples


def test_factorial_gives_main_effects_in_pairs():
    cutoff, streams = find_effects(factorial(np.random.default_rng(0)), ["force_rmse"])
    assert (cutoff.others, cutoff.is_scan, cutoff.in_pairs) == ("balanced", False, True)
    assert cutoff.levels[0].estimates["force_rmse"].n == 15, "blocks: three combinations, 5 seeds"
    assert "over 15 trainings" in describe_effect(cutoff, "force_rmse")
    second = cutoff.standings["force_rmse"][1]
    assert second.setting == 0
    assert second.difference.estimate.mean == pytest.approx(0.5, abs=0.1)
    assert second.difference.distinguishable
    assert [s.same_as_best for s in streams.standings["force_rmse"]][-1] is False
    assert streams.levels[2].estimates["force_rmse"].mean == pytest.approx(
        streams.levels[0].estimates["force_rmse"].mean + 2.0, abs=0.1
    )


def test_a_failed_training_takes_its_block_alone():
    samples = factorial(np.random.default_rng(0))
    lost = samples[0]
    trainings = ({"score": math.nan, "force_rmse": math.nan}, *lost.trainings[1:])
    samples[0] = Sample(lost.number, lost.params, trainings)
    cutoff, _ = find_effects(samples, ["force_rmse"])
    assert [level.estimates["force_rmse"].n for level in cutoff.levels] == [14, 15]
    assert cutoff.trends["force_rmse"].matters


def test_incomplete_factorial_is_not_balanced():
    for effect in find_effects(factorial(np.random.default_rng(0), True), ["force_rmse"]):
        assert effect.others == "unbalanced"
        assert effect.standings == {}


def test_failed_trainings_do_not_count_but_are_counted():
    good = {"score": 1.0, "force_rmse": 1.0, "property.C44": 30.0, "property_error.C44": 5.0}
    good["property_error"] = 5.0
    failed = {**good, "property.C44": NAN, "property_error.C44": 100.0}
    failed |= {"property_error": 100.0, "score": 20.0}
    diverged = {"score": math.inf, "force_rmse": 7.0}
    samples = [
        Sample(0, {CUTOFF: "cos"}, (good, failed, diverged)),
        Sample(1, {CUTOFF: "exp"}, ()),
        Sample(2, {CUTOFF: "poly2"}, (good, good, good)),
    ]
    names = ("force_rmse", "property.C44", "property_error.C44", "property_error", "score")
    effect = only(samples, (*names, "unknown"))
    cos, exp, poly = effect.levels
    assert [level.n_failed for level in effect.levels] == [2, 3, 0]
    assert {m: cos.estimates[m].n for m in cos.estimates} == {
        "force_rmse": 2, "property.C44": 1, "property_error.C44": 1, "property_error": 1, "score": 1
    }  # fmt: skip
    assert cos.estimates["property_error.C44"].mean == 5.0, "a penalty is no error"
    assert cos.estimates["property_error"].mean == 5.0, "nor is what it went into"
    assert exp.estimates["force_rmse"].n == 0
    assert poly.estimates["force_rmse"].n == 3
    assert effect.standings["force_rmse"][0].setting == 2, "fails least"
    assert "property.C44" not in effect.standings, "no value of a property is better"
    assert ": 2 at cos, 3 at exp" in describe_effect(effect, "force_rmse")


def test_a_level_that_always_fails_does_not_hide_the_others():
    rng = np.random.default_rng(0)
    scores = np.array([[1.0], [2.0], [3.0], [NAN]]) + 0.05 * rng.normal(size=(4, 5))
    trend = only(scan(SHIFT, range(4), scores)).trends["force_rmse"]
    assert (trend.n_levels, trend.n) == (3, 5)
    assert trend.matters


@pytest.mark.parametrize(("n_failed", "expected"), [(1, (4, 9)), (5, (3, 10)), (9, (3, 10))])
def test_a_level_that_often_fails_does_not_cost_the_others_their_seeds(n_failed, expected):
    rng = np.random.default_rng(1)
    scores = np.arange(4.0)[:, None] + 0.5 * rng.normal(size=(4, 10))
    scores[3, :n_failed] = NAN
    effect = only(scan(SHIFT, range(4), scores))
    trend = effect.trends["force_rmse"]
    assert (trend.n_levels, trend.n) == expected
    assert trend.matters
    assert effect.levels[3].estimates["force_rmse"].n == 10 - n_failed
    assert not effect.standings["force_rmse"][-1].same_as_best


def test_condition_leaves_trials_without_a_parameter():
    samples = [
        Sample(
            number,
            {"kind": "a", "eta": number} if number < 4 else {"kind": "b"},
            tuple({"score": number + 0.1 * seed} for seed in range(3)),
        )
        for number in range(6)
    ]
    kind, eta = find_effects(samples, ["score"])
    assert (kind.parameter, kind.others) == ("kind", "unbalanced")
    assert [len(level.trials) for level in kind.levels] == [4, 2]
    assert eta.is_scan, "all trials that have it have the same kind"
    assert [level.trials for level in eta.levels] == [(0,), (1,), (2,), (3,)]


def test_what_does_not_vary_has_no_effect():
    assert find_effects(scan(SHIFT, [1.0], [[1.0, 2.0]]), ["force_rmse"]) == ()
    assert find_effects([], ["force_rmse"]) == ()
    assert (
        find_effects([Sample(0, {SHIFT: 1}, ()), Sample(1, {SHIFT: 2}, ())], ["score"])[0].trends
        == {}
    )


def test_one_seed_is_not_compared_in_pairs():
    effect = only(scan(SHIFT, range(4), [[1.0], [2.0], [3.0], [4.0]]))
    assert (effect.is_scan, effect.others, effect.standings) == (False, "fixed", {})
    assert math.isnan(effect.trends["force_rmse"].p)
    assert "too few trainings to test" in describe_effect(effect, "force_rmse")
    many = only(scan(SHIFT, range(30), [[float(i)] for i in range(30)]))
    assert many.is_binned
    assert many.trends["force_rmse"].matters


def test_choices_are_ordered_and_named_as_in_settings():
    values = ["[25, 25]", "[5, 5]", "[15, 15]"]
    effect = only(scan("potential.hidden_layers", values, [[1.0, 2.0]] * 3))
    assert [level.value for level in effect.levels] == ["[5, 5]", "[15, 15]", "[25, 25]"]
    booleans = only(scan("normalize", [True, False], [[1.0, 2.0]] * 2))
    assert not booleans.is_number
    assert [level.label for level in booleans.levels] == ["false", "true"]
    assert [label_of(v) for v in (None, 0.1 + 0.2, 5, "cos")] == ["null", "0.3", "5", "cos"]


def test_sentences():
    rng = np.random.default_rng(1)
    noise = 0.0001 * rng.normal(size=(3, 5))
    clear = only(scan(SHIFT, [-1.0, 0.0, 1.0], 0.02 + np.array([[0.0], [0.0], [0.01]]) + noise))
    words = describe_effect(clear, "force_rmse")
    assert words.startswith("force RMSE: best is r_shift ")
    for part in ("over 5 seeds", "eV/Angstrom", "cannot be told from it", "1 is worse, by 0.0"):
        assert part in words
    assert "r_shift matters (Friedman test, p = " in words
    steps = np.array([[0.0], [0.01], [0.02], [0.03]])
    several = only(scan(CUTOFF, ["cos", "exp", "hard", "tanh"], 0.02 + steps + noise[[0, 1, 2, 0]]))
    assert re.search(
        r"exp, hard and tanh are worse, exp the least, by 0\.01\d* \(.* to .*\), and tanh the "
        r"most, by 0\.03\d* \(.* to .*\) eV/Angstrom;",
        describe_effect(several, "force_rmse"),
    )
    none = only(scan(CUTOFF, ["cos", "exp", "poly2"], 0.02 + noise))
    words = describe_effect(none, "force_rmse")
    assert "of 3 values of cutoff_type the mean over 5 seeds is lowest at" in words
    assert "no effect of cutoff_type can be told from the scatter of the seeds" in words
    energies = [
        Sample(i, {CUTOFF: c}, tuple({"score": 1.0, "energy_rmse": e} for e in row))
        for i, (c, row) in enumerate(zip("ab", [[0.002, 0.003], [0.002, 0.0035]], strict=True))
    ]
    assert "meV/atom" in describe_effect(only(energies, ("energy_rmse",)), "energy_rmse")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_errors_that_no_number_holds_when_squared_have_a_sentence():
    scores = np.full((3, 4), 0.2)
    scores[2] = [1e300, 2e300, 1e300, 3e300]
    effect = only(scan("potential.cutoff_radius", [4.0, 5.0, 6.0], scores))
    assert "highest at 6, " in describe_effect(effect, "force_rmse")


def test_same_samples_in_any_order_give_the_same():
    samples = searched(np.random.default_rng(5), 40, 0.5)
    there, back = (find_effects(s, ["score"]) for s in (samples, samples[::-1]))
    assert repr(there) == repr(back), "NaN is not equal to itself"


def test_lists_are_named_in_words():
    key = "dataset.train_without_groups"
    assert label_of("[]", key) == "complete"
    assert label_of('["a", "b"]', key) == "without a and b"
    assert label_of("[25, 15]", "potential.hidden_layers") == "25-15"
    assert label_of("[]") == "none"
