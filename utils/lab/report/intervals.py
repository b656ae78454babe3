"""What seeds and test images let one say: means, differences, intervals, and words for them.

Everything here is a function of numbers; ``paired`` reads the recorded runs. Accuracies are in per
cent, differences in points. Each ``Estimate`` is a t-statistic: a value, its standard error and the
degrees of freedom behind that error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

CLAIM = 0.01  # the level at which a record, or a claim of "at least", is shown


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference with its standard error.

    ``std`` is the sample standard deviation of what the mean is over, where it is over one list;
    ``n`` the number of seeds, the smaller one where two lists are not paired.
    """

    mean: float
    error: float
    freedom: float
    n: int
    std: float = float("nan")

    def bound(self, share: float) -> float:
        """What lies above the value with probability ``share``."""
        return self.mean + float(stats.t.ppf(share, self.freedom)) * self.error

    @property
    def low(self) -> float:
        return self.bound(0.025)

    @property
    def high(self) -> float:
        return self.bound(0.975)

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    def p_at_least(self, least: float) -> float:
        """One-sided p value of "above ``least``": how often chance shows as much at ``least``."""
        gap = round(self.mean - least, 9)  # sums of floats are inexact
        if self.error == 0:
            return float(gap < 0) if gap else 0.5
        return float(stats.t.sf(gap / self.error, self.freedom))

    def shows(self, least: float, level: float = 0.05) -> bool:
        """Whether a value of at least ``least`` is shown, one-sided at ``level``."""
        return self.p_at_least(least) < level

    @property
    def p(self) -> float:
        """Two-sided p value of "not zero"."""
        above = self.p_at_least(0.0)
        return min(1.0, 2 * min(above, 1 - above))


def estimate(values: Sequence[float]) -> Estimate:
    """Mean of ``values`` over seeds. Raises ``ValueError`` for fewer than 2 values or a NaN."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"values of shape {list(array.shape)}: one number a seed is expected")
    if array.size < 2:
        raise ValueError(f"{array.size} value(s) give no spread: at least 2 seeds are needed")
    if not np.isfinite(array).all():
        raise ValueError(f"not every value is a number: {array.tolist()}")
    std = float(array.std(ddof=1))
    error = std / float(np.sqrt(array.size))
    return Estimate(float(array.mean()), error, array.size - 1, array.size, std)


def paired_difference(before: Sequence[float], after: Sequence[float]) -> Estimate:
    """``after - before``, seed by seed: two runs of one seed share their start and their order."""
    if len(before) != len(after):
        raise ValueError(f"{len(before)} and {len(after)} values cannot be paired")
    return estimate(np.subtract(after, before))


def welch(before: Sequence[float], after: Sequence[float]) -> Estimate:
    """``after - before`` of two lists that have nothing in common, and each its own spread."""
    return _apart(estimate(before), estimate(after))


def _apart(old: Estimate, new: Estimate) -> Estimate:
    parts = np.square([old.error, new.error])
    total = float(parts.sum())
    # Welch and Satterthwaite; without any spread the number does not matter.
    shares = parts @ (parts / [old.freedom, new.freedom])
    freedom = total**2 / float(shares) if shares else old.freedom + new.freedom
    return Estimate(new.mean - old.mean, total**0.5, freedom, min(old.n, new.n))


def image_error(scores: ArrayLike) -> float:
    """Standard error over images of a mean of ``scores`` ``[seeds, images]``, in points.

    A score is 1 where the run is right about the image, else 0; or the difference of two such.
    What counts of an image is its mean over seeds: they all read the same images.
    """
    means = np.asarray(scores, dtype=float).mean(axis=0)
    return 100 * float(means.std(ddof=1)) / means.size**0.5


def over_seeds_and_images(scores: ArrayLike) -> Estimate:
    """The mean of ``scores`` ``[seeds, images]`` in per cent, for other seeds and other images.

    Both are samples, crossed: every seed reads every image. The variance of the mean is (MS_seeds +
    MS_images - MS_rest) / (seeds · images), with the mean squares of a two-way layout, and its
    degrees of freedom are Satterthwaite's (Searle, Casella and McCulloch, Variance Components,
    1992, chapter 4). Where one source alone gives a wider interval, that one stands.
    """
    x = 100 * np.asarray(scores, dtype=float)
    if x.ndim != 2 or min(x.shape) < 2:
        raise ValueError(f"scores of shape {list(x.shape)}: [seeds, images], two or more of each")
    seeds, images = x.shape
    by_seed, by_image, mean = x.mean(axis=1), x.mean(axis=0), x.mean()
    rest = x - by_seed[:, None] - by_image + mean
    free = np.array([seeds - 1, images - 1, (seeds - 1) * (images - 1)])
    squares = [images * np.square(by_seed - mean).sum(), seeds * np.square(by_image - mean).sum()]
    both = np.array([*squares, np.square(rest).sum()]) / free
    total = max(both[0] + both[1] - both[2], both[0], both[1])
    shares = float(np.square(both) @ (1 / free))
    freedom = total**2 / shares if shares else free[0]
    std = float(by_seed.std(ddof=1))
    found = [
        Estimate(float(mean), float((variance / x.size) ** 0.5), float(of), seeds, std)
        for variance, of in ((total, freedom), (both[0], free[0]), (both[1], free[1]))
    ]
    return max(found, key=lambda one: one.high)


def straight(values: Sequence[float]) -> tuple[float, float]:
    """Of the best straight line through ``values``: the slope, and the deviation around it.

    The line takes two degrees of freedom. At least 3 values.
    """
    at = np.arange(len(values))
    slope, start = np.polyfit(at, values, 1)
    rest = np.asarray(values) - (start + slope * at)
    return float(slope), float((np.square(rest).sum() / (len(values) - 2)) ** 0.5)


def better_share(before: Sequence[float], after: Sequence[float]) -> float:
    """How often a run of ``after`` beats one of ``before``; a tie counts half.

    The probability of improvement of Agarwal et al. (2021): Mann and Whitney's U as a share.
    """
    found = stats.mannwhitneyu(after, before)
    return float(found.statistic) / (len(before) * len(after))


def one_more(values: Sequence[float]) -> Estimate:
    """What one more run gives, if runs are normal: Student's prediction."""
    found = estimate(values)
    error = found.std * (1 + 1 / found.n) ** 0.5
    return Estimate(found.mean, error, found.freedom, found.n)


def one_more_each(before: Sequence[float], after: Sequence[float]) -> Estimate:
    """``after - before`` of one more run of each, as single runs are compared: not paired."""
    return _apart(one_more(before), one_more(after))


def chance_of(values: Sequence[float], least: float) -> float:
    """The chance that one more run reaches ``least``."""
    return 1 - one_more(values).p_at_least(least)


def holm(p: Sequence[float]) -> list[float]:
    """``p`` values after Holm's correction for their number (1979), in their order."""
    order = np.argsort(p)
    stepped = np.asarray(p, dtype=float)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(stepped))
    return corrected.tolist()


def p_equivalent(found: Estimate, margin: float) -> float:
    """p value of "the difference is smaller than ``margin`` either way": two one-sided tests."""
    below = 1 - found.p_at_least(margin)
    return max(found.p_at_least(-margin), below)


# --------------------------------------------------------------------------- words


def mean_std(found: Estimate, digits: int = 2) -> str:
    """``99.48 ± 0.05``."""
    return f"{found.mean:.{digits}f} ± {found.std:.{digits}f}"


def summary(values: Sequence[float], digits: int = 2) -> str:
    """``mean_std`` over seeds; of one seed only its value."""
    values = list(values)
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    return mean_std(estimate(values), digits)


def unbroken(text: str) -> str:
    """``text`` that a narrow column does not break."""
    return text.replace(" ", "\u00a0")


def interval(found: Estimate, digits: int = 2) -> str:
    """``[99.35, 99.61]``, two-sided, 95 %."""
    return f"[{found.low:.{digits}f}, {found.high:.{digits}f}]"


def signed(found: Estimate) -> str:
    """``[-0.05, +0.61]``, two-sided, 95 %."""
    return f"[{found.low:+.2f}, {found.high:+.2f}]"


class Difference(str):
    """An ``Estimate`` as a cell shows it; whoever sums up a table asks for the ``estimate``."""

    def __new__(cls, found: Estimate, note: str = "") -> Difference:
        text = f"{found.mean:+.2f} {signed(found)}{note}"
        if not found.excludes_zero:
            text += " (not shown)"
        elif min(abs(found.low), abs(found.high)) < 0.005:  # a bound that reads as zero
            text += f" (p = {found.p:.4f})"
        made = super().__new__(cls, text)
        made.estimate = found
        return made


def p_value(p: float) -> str:
    """``p = 0.03``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.{3 if p < 0.0995 else 2}f}"


def verdict(found: Estimate, target: float, level: float = 0.05) -> str:
    """Whether a mean of at least ``target`` is shown over seeds, one-sided at ``level``.

    ``yes``; ``no`` where a lower mean is shown; ``not shown`` where neither is. p is that of the
    answer, for ``not shown`` that of ``yes``.
    """
    p = found.p_at_least(target)
    if found.shows(target, level):
        return f"yes ({p_value(p)})"
    if 1 - p < level:
        return f"no: shown to be lower, by {target - found.mean:.3f} ({p_value(1 - p)})"
    return f"not shown ({p_value(p)})"


def level_of(tries: int) -> float:
    """The level of a claim, shared by the recipes that were tested for its target."""
    return CLAIM / tries


def claim(found: Estimate, target: float, tries: int = 1) -> str:
    """Whether a mean of at least ``target`` is shown as a record's is, in words, with the p value.

    ``tries``: how many recipes were tested for it.
    """
    level = level_of(tries)
    shown = f"{'is' if found.shows(target, level) else 'is not'} shown at a level of {level:.2g}"
    return f"a mean of at least {target:.2f} % {shown}, {p_value(found.p_at_least(target))}"


def by_chance(cells: Sequence) -> str:
    """How many intervals of a table exclude zero, how many would by chance, and after Holm.

    A difference that stands twice in a table counts once. Empty where fewer than two of ``cells``
    are a ``Difference``.
    """
    found = _distinct(cells)
    if len(found) < 2:
        return ""
    excluding = sum(one.excludes_zero for one in found)
    return (
        f"{excluding} of {len(found)} intervals exclude zero; by chance alone "
        f"{0.05 * len(found):.2g} would. After Holm's correction {len(left(cells))} still do."
    )


def left(cells: Sequence) -> set[Estimate]:
    """Those differences of a table that Holm's correction for their number leaves, at 5 %."""
    found = _distinct(cells)
    corrected = holm([one.p for one in found])
    return {one for one, p in zip(found, corrected, strict=True) if p < 0.05}


def _distinct(cells: Sequence) -> list[Estimate]:
    return list(dict.fromkeys(c.estimate for c in cells if isinstance(c, Difference)))
