"""Means, intervals and what is said of them: by hand, and as SciPy has them."""

import pytest
from scipy import stats

from utils.lab.report.intervals import (
    Estimate,
    estimate,
    paired_difference,
    verdict,
    with_interval,
)


def test_an_estimate_by_hand_and_by_scipy():
    values = [99.40, 99.44, 99.48, 99.42, 99.46]
    found = estimate(values)
    assert found.mean == pytest.approx(99.44)
    assert found.std == pytest.approx((0.004 / 4) ** 0.5)  # squares 16+0+16+4+4 in 1e-4
    half = 2.7764451 * found.std / 5**0.5  # t(0.975, 4)
    assert (found.low, found.high) == pytest.approx((99.44 - half, 99.44 + half))
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_a_paired_difference_is_scipys():
    before, after = [99.1, 99.3, 99.2, 99.25], [99.3, 99.4, 99.45, 99.4]
    found = paired_difference(before, after)
    theirs = stats.ttest_rel(after, before).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert found.excludes_zero == (stats.ttest_rel(after, before).pvalue < 0.05)


@pytest.mark.parametrize("values", [[], [99.4], [99.4, float("nan")]])
def test_too_little_to_estimate_from_is_refused(values):
    with pytest.raises(ValueError, match=r"at least 2 seeds|not every value is a number"):
        estimate(values)


def test_unpaired_lists_are_refused():
    with pytest.raises(ValueError, match="2 and 3 values cannot be paired"):
        paired_difference([1, 2], [1, 2, 3])


def test_a_difference_within_noise_is_called_so():
    noise = Estimate(0.02, 0.05, -0.04, 0.08, 5)
    assert with_interval(noise) == "+0.02 [-0.04, +0.08] (within noise)"
    assert with_interval(Estimate(0.1, 0.02, 0.07, 0.13, 5)) == "+0.10 [+0.07, +0.13]"


def test_a_verdict_says_what_is_missing():
    assert verdict(99.48, 99.48) == verdict(99.4799999999, 99.48) == "yes"
    assert verdict(99.31, 99.42) == "no, by 0.110"
