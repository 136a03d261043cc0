"""Means, intervals and comparisons of settings, by simulation and against known numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from autune.errors import DataError
from autune.evaluation.confidence import estimate, holm, median_place, rank_settings

NAN = math.nan


@pytest.mark.parametrize(("n", "confidence"), [(2, 0.95), (5, 0.95), (10, 0.95), (10, 0.68)])
def test_intervals_cover_the_truth(n, confidence):
    draws = np.random.default_rng(n).normal(3.0, 0.7, (4000, n))
    found = [estimate(row, confidence) for row in draws]
    covered = np.mean([e.low <= 3.0 <= e.high for e in found])
    assert covered == pytest.approx(confidence, abs=0.012)


def test_estimate_is_that_of_scipy():
    values = [0.9, 1.4, 1.1, 2.0]
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    found = estimate([0.9, NAN, 1.4, math.inf, 1.1, 2.0], 0.9)
    assert (found.n, found.mean) == (4, pytest.approx(1.35))
    assert found.std == pytest.approx(np.std(values, ddof=1))
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_one_value_has_no_interval_and_none_has_no_mean():
    one, none = estimate([2.0]), estimate([NAN])
    assert (one.mean, one.n) == (2.0, 1)
    assert none.n == 0
    assert all(map(math.isnan, (one.std, one.low, one.high, none.mean, none.std, none.low)))


def test_p_value_of_two_settings_is_that_of_the_paired_t_test():
    a, b = [1.0, 1.3, 0.8, 1.1], [1.2, 1.4, 1.3, 1.2]
    expected = stats.ttest_rel(b, a)
    _, other = rank_settings({4: a, 2: b}, 0.9)
    assert other.difference is not None
    assert other.difference.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.9)
    found = other.difference.estimate
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_three_settings_are_corrected_for_three_pairs():
    rng = np.random.default_rng(5)
    scores = rng.normal([[1.0], [1.2], [1.9]], 0.2, (3, 8))
    pairs = {(a, b): stats.ttest_rel(scores[a], scores[b]).pvalue for a, b in ((0, 1), (0, 2))}
    largest = stats.ttest_rel(scores[1], scores[2]).pvalue
    assert pairs[0, 2] < largest < pairs[0, 1], "the draw decides which factors Holm takes"
    _, second, third = rank_settings(scores)
    assert second.difference.p == pytest.approx(max(pairs[0, 1], 2 * largest))
    assert third.difference.p == pytest.approx(3 * pairs[0, 2])


def test_holm_as_printed():
    # m = 4: factors 4, 3, 2, 1, and no value below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    np.testing.assert_allclose(holm([NAN, 0.01, 0.02]), [NAN, 0.02, 0.02])


@pytest.mark.parametrize("n_settings", [3, 8])
@pytest.mark.parametrize("skewed", [False, True])
def test_equal_settings_are_seldom_told_apart(n_settings, skewed):
    rng = np.random.default_rng(n_settings)
    wrong = 0
    for _ in range(500):
        scores = rng.normal(0.0, 0.5, (n_settings, 10))
        standings = rank_settings(np.exp(scores) if skewed else scores)
        wrong += any(s.difference and s.difference.distinguishable for s in standings)
    # Only over the pairs with the best, which was chosen by the same scores, it is 0.11 for eight.
    assert wrong / 500 < 0.065


def test_settings_that_differ_are_told_apart():
    rng = np.random.default_rng(1)
    found = sum(
        rank_settings(rng.normal([[1.0], [2.0], [1.02]], 0.25, (3, 10)))[-1].same_as_best
        for _ in range(100)
    )
    assert found == 0


@given(seed=st.integers(0, 10_000))
def test_order_of_seeds_and_settings_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    scores = rng.lognormal(0.0, 0.4, (4, 6))
    seeds, settings = rng.permutation(6), rng.permutation(4)
    before = rank_settings(scores)
    after = rank_settings({int(s): scores[s][seeds] for s in settings})
    assert [s.setting for s in after] == [s.setting for s in before]
    for a, b in zip(after, before, strict=True):
        assert seeds[a.median_seed] == b.median_seed
        assert a.score.high == pytest.approx(b.score.high)
        if a.difference is not None:
            assert a.difference.p == pytest.approx(b.difference.p)


def test_pairing_counts():
    best, other = [1.0, 2.0, 3.0, 4.0], [1.1, 2.1, 3.1, 4.15]
    paired = rank_settings({0: best, 1: other})[1]
    unpaired = rank_settings({0: best, 1: other[::-1]})[1]
    assert paired.score.mean == pytest.approx(unpaired.score.mean)
    assert paired.difference.distinguishable
    assert not unpaired.difference.distinguishable


def test_what_fails_cannot_win():
    best, worse, unsafe, broken = rank_settings(
        {0: [0.5, NAN, 0.5], 1: [NAN] * 3, 5: [1.0, 1.1, 1.2], 6: [1.3] * 3}
    )
    assert (best.setting, worse.setting) == (5, 6)
    assert (unsafe.setting, unsafe.failures, unsafe.score.mean) == (0, 1, 0.5)
    assert not unsafe.same_as_best
    assert unsafe.difference.estimate.mean == pytest.approx(-0.6)
    assert (broken.failures, broken.median_seed, broken.same_as_best) == (3, None, False)
    assert math.isnan(broken.difference.p)


def test_infinite_scores_are_failures():
    best, other = rank_settings({0: [math.inf, 0.1], 1: [math.inf, 0.3]})
    assert (best.setting, best.failures, other.failures) == (0, 1, 1)
    assert math.isnan(other.difference.p), "one common seed"


def test_two_seeds_are_enough_for_a_comparison():
    near, far = rank_settings({0: [1.0, 1.1], 1: [1.2, 1.1]}), rank_settings([[1, 2], [11, 12.01]])
    assert near[1].same_as_best
    assert far[1].difference.p < 0.001


def test_scores_without_scatter():
    first, same, other = rank_settings({0: [1.0] * 3, 1: [1.0] * 3, 2: [1.5] * 3})
    assert (first.score.low, first.score.high) == (1.0, 1.0)
    assert (same.difference.p, same.same_as_best) == (1.0, True)
    assert (other.difference.p, other.same_as_best) == (0.0, False)


def test_one_setting_alone():
    (only,) = rank_settings({17: [3.0, 1.0, 2.0]})
    assert (only.setting, only.rank, only.difference, only.same_as_best) == (17, 1, None, True)
    assert only.median_seed == 2


def test_median_seed_is_the_lower_one_in_the_middle():
    assert median_place([4.0, 1.0, 3.0, 2.0]) == 3
    assert median_place([4.0, NAN, 3.0, 9.0]) == 0
    assert median_place([1.0, 1.0]) == 0


def test_settings_with_different_seeds_are_refused():
    with pytest.raises(DataError, match=r"give as many for each setting, found \[2, 1\]"):
        rank_settings({0: [1.0, 2.0], 1: [1.0]})
    with pytest.raises(DataError, match="the same seeds"):
        rank_settings({})
