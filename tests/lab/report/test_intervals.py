"""Means, intervals and what is said of them: by hand, and as SciPy has them."""

import numpy as np
import pytest
from scipy import stats

from utils.lab.report import intervals
from utils.lab.report.intervals import Difference, Estimate, estimate, paired_difference, verdict


def test_an_estimate_by_hand_and_by_scipy():
    values = [99.40, 99.44, 99.48, 99.42, 99.46]
    found = estimate(values)
    assert found.mean == pytest.approx(99.44)
    assert found.std == pytest.approx((0.004 / 4) ** 0.5)  # squares 16+0+16+4+4 in 1e-4
    half = 2.7764451 * found.std / 5**0.5  # t(0.975, 4)
    assert (found.low, found.high) == pytest.approx((99.44 - half, 99.44 + half))
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    one_sided = stats.ttest_1samp(values, 99.42, alternative="greater")
    assert found.p_at_least(99.42) == pytest.approx(one_sided.pvalue)


def test_a_paired_difference_is_scipys():
    before, after = [99.1, 99.3, 99.2, 99.25], [99.3, 99.4, 99.45, 99.4]
    found = paired_difference(before, after)
    theirs = stats.ttest_rel(after, before)
    interval = theirs.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.excludes_zero == (theirs.pvalue < 0.05)


def test_an_unpaired_difference_is_scipys_welch():
    before, after = [99.1, 99.3, 99.2, 99.25], [99.5, 99.42, 99.46]
    found = intervals.welch(before, after)
    theirs = stats.ttest_ind(after, before, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(theirs.pvalue) and found.n == 3


@pytest.mark.parametrize("values", [[], [99.4], [99.4, float("nan")]])
def test_too_little_to_estimate_from_is_refused(values):
    with pytest.raises(ValueError, match=r"at least 2 seeds|not every value is a number"):
        estimate(values)


def test_unpaired_lists_are_refused():
    with pytest.raises(ValueError, match="2 and 3 values cannot be paired"):
        paired_difference([1, 2], [1, 2, 3])


# --------------------------------------------------------------------------- test images


def test_the_error_over_images_of_one_run_is_the_binomials():
    right = np.arange(10_000) >= 56  # 99.44 %
    expected = 100 * (0.9944 * 0.0056 / 10_000) ** 0.5
    assert intervals.image_error([right]) == pytest.approx(expected, rel=1e-3)


def test_seeds_and_images_by_hand():
    """A two-way layout of 4 seeds and 3 images: mean squares 1/9, 1 and 1/9."""
    found = intervals.over_seeds_and_images(2 * [[1, 1, 0], [1, 0, 0]])
    assert found.mean == 50 and found.n == 4
    # seeds 2/3 and 1/3; images 1, 1/2, 0; nothing rests but ±1/6, ±1/6, ±1/3
    assert found.error == pytest.approx(100 * ((1 / 9 + 1 - 1 / 9) / 12) ** 0.5)
    assert found.freedom == pytest.approx(1 / ((1 / 9) ** 2 / 3 + 1 / 2 + (1 / 9) ** 2 / 6))


def test_both_sources_together_never_say_more_than_one_of_them():
    """Of 2 seeds, Satterthwaite's degrees of freedom would hide how little two can say."""
    scores = [[1, 1, 0], [1, 0, 0]]
    found, seeds = intervals.over_seeds_and_images(scores), estimate([200 / 3, 100 / 3])
    assert (found.low, found.high) == pytest.approx((seeds.low, seeds.high))


def test_of_one_kind_of_spread_only_that_is_left():
    by_seed = np.tile([[0.2], [0.4], [0.9]], 50)
    found, seeds = intervals.over_seeds_and_images(by_seed), estimate([20, 40, 90])
    assert (found.error, found.freedom) == pytest.approx((seeds.error, seeds.freedom))
    by_image = np.tile(np.linspace(0, 1, 50), (3, 1))
    found = intervals.over_seeds_and_images(by_image)
    assert found.error == pytest.approx(intervals.image_error(by_image))


def test_the_interval_over_both_holds_what_it_promises():
    """Of 300 made-up layouts with seeds, images and a rest, 95 % hold the true mean."""
    random = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        seeds, images = random.normal(0, 0.3, (5, 1)), random.normal(0, 1.5, 60)
        scores = 0.5 + seeds + images + random.normal(0, 1, (5, 60))
        found = intervals.over_seeds_and_images(scores)
        held += found.low < 50 < found.high
    assert 0.91 < held / 300 < 0.99  # three standard errors around 0.95


def test_scores_without_two_seeds_are_refused():
    with pytest.raises(ValueError, match=r"scores of shape \[1, 3\]"):
        intervals.over_seeds_and_images([[1, 0, 1]])


# --------------------------------------------------------------------------- chances


def test_how_often_one_beats_the_other():
    assert intervals.better_share([1, 2], [2, 3]) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert intervals.better_share([1, 2], [0, 0]) == 0.0


def test_the_chance_of_one_more_run_is_students():
    values = [99.1, 99.2, 99.3, 99.4]
    assert intervals.chance_of(values, 99.25) == pytest.approx(0.5)
    wide = np.std(values, ddof=1) * (1 + 1 / 4) ** 0.5
    assert intervals.chance_of(values, 99.5) == pytest.approx(stats.t.sf(0.25 / wide, 3))


def test_one_more_run_of_each_scatters_by_both_spreads_and_both_means():
    """Equal spreads and numbers: the variance is twice s² (1 + 1/n), with 2 n - 2 degrees."""
    before, after = [99.1, 99.2, 99.3], [99.4, 99.5, 99.6]
    found = intervals.one_more_each(before, after)
    half = stats.t.ppf(0.975, 4) * (2 * 0.01 * (1 + 1 / 3)) ** 0.5
    assert (found.low, found.high) == pytest.approx((0.3 - half, 0.3 + half))
    assert intervals.signed(found) == f"[{0.3 - half:+.2f}, {0.3 + half:+.2f}]"


def test_a_climb_is_no_swing():
    assert intervals.straight([99.0, 99.1, 99.2, 99.3]) == pytest.approx((0.1, 0), abs=1e-9)
    slope, spread = intervals.straight([0.0, 1.0, 0.0])
    assert (slope, spread) == pytest.approx((0, (2 / 3) ** 0.5))


def test_holm_by_hand():
    """Holm's steps: 0.005 · 4, 0.01 · 3, 0.03 · 2 and 0.04 · 1, none below the one before."""
    assert intervals.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert intervals.holm([0.9, 0.8]) == [1, 1]


def test_equivalence_is_two_one_sided_tests():
    before, after = [99.1, 99.3, 99.2, 99.25], [99.12, 99.29, 99.23, 99.25]
    gaps = np.subtract(after, before)
    above = stats.ttest_1samp(gaps, -0.1, alternative="greater").pvalue
    below = stats.ttest_1samp(gaps, 0.1, alternative="less").pvalue
    found = intervals.p_equivalent(paired_difference(before, after), 0.1)
    assert found == pytest.approx(max(above, below), rel=1e-4)


# --------------------------------------------------------------------------- words


def test_a_difference_that_is_not_shown_is_called_so():
    assert Difference(Estimate(0.02, 0.02, 5, 6)) == "+0.02 [-0.03, +0.07] (not shown)"
    shown = Difference(Estimate(0.1, 0.01, 4, 5))
    assert shown == "+0.10 [+0.07, +0.13]" and shown.estimate.n == 5


def test_a_verdict_needs_the_one_sided_bound():
    steady = estimate([99.47, 99.48, 99.49])
    assert verdict(steady, 99.48) == "not shown (p = 0.50)"
    assert verdict(estimate([99.48] * 3), 99.48) == "not shown (p = 0.50)"
    assert verdict(steady, 99.46) == "yes (p = 0.037)"
    assert verdict(steady, 99.46, level=0.01) == "not shown (p = 0.037)"
    assert verdict(steady, 99.60) == "no: shown to be lower, by 0.120 (p = 0.001)"
    assert verdict(estimate([99.31] * 3), 99.42) == "no: shown to be lower, by 0.110 (p < 0.001)"


def test_a_table_says_what_chance_alone_would_show():
    clear, unclear = Difference(Estimate(1, 0.1, 9, 10)), Difference(Estimate(0, 0.1, 9, 10))
    narrow = Difference(Estimate(0.25, 0.1, 9, 10))  # p = 0.03, after Holm 0.07
    assert intervals.by_chance(["A", clear, unclear, narrow, ""]) == (
        "2 of 3 intervals exclude zero; by chance alone 0.15 would. "
        "After Holm's correction 1 still do."
    )
    twice = intervals.by_chance([clear, unclear, narrow, Difference(Estimate(1, 0.1, 9, 10))])
    assert twice == intervals.by_chance([clear, unclear, narrow])
    assert intervals.by_chance([clear, "+0.10 [+0.07, +0.13]"]) == ""
