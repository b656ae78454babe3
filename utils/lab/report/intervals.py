"""Means with their spread over seeds, and differences between recipes paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """A mean with its sample standard deviation and the bounds of its 95 % t-interval."""

    mean: float
    std: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def estimate(values: Sequence[float]) -> Estimate:
    """Mean of ``values`` over seeds. Raises ``ValueError`` for fewer than 2 values or a NaN."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"values of shape {list(array.shape)}: one number a seed is expected")
    if array.size < 2:
        raise ValueError(f"{array.size} value(s) give no spread: at least 2 seeds are needed")
    if not np.isfinite(array).all():
        raise ValueError(f"not every value is a number: {array.tolist()}")
    mean, std = array.mean(), array.std(ddof=1)
    half = stats.t.ppf(0.975, array.size - 1) * std / np.sqrt(array.size)
    return Estimate(float(mean), float(std), float(mean - half), float(mean + half), array.size)


def paired_difference(before: Sequence[float], after: Sequence[float]) -> Estimate:
    """``after - before``, seed by seed: two runs of one seed share their order of images."""
    if len(before) != len(after):
        raise ValueError(f"{len(before)} and {len(after)} values cannot be paired")
    return estimate(np.subtract(after, before))


def mean_std(found: Estimate, digits: int = 2) -> str:
    """``99.48 ± 0.05``."""
    return f"{found.mean:.{digits}f} ± {found.std:.{digits}f}"


def with_interval(found: Estimate) -> str:
    """A difference with its interval, and a note where the interval contains zero."""
    text = f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
    return text if found.excludes_zero else f"{text} (within noise)"


def reaches(accuracy: float, target: float) -> bool:
    """Whether ``accuracy`` is at least ``target``, to four decimals: sums of floats are inexact."""
    return round(accuracy, 4) >= target


def verdict(measured: float, least: float) -> str:
    """``yes``, or by how much ``measured`` misses ``least``."""
    return "yes" if reaches(measured, least) else f"no, by {least - measured:.3f}"
