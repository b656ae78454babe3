"""The schedules against hand arithmetic."""

from itertools import pairwise

import pytest

from utils import schedules


def test_constant_never_moves():
    assert schedules.rates("constant", 0.05, epochs=3, steps_per_epoch=7) == [0.05] * 3


def test_exponential_is_the_published_one():
    found = schedules.rates("exponential", 0.1, epochs=15, steps_per_epoch=7)
    assert found == pytest.approx([0.1 * 0.85**epoch for epoch in range(15)])


def test_one_cycle_rises_for_30_percent_and_falls_to_nothing():
    found = schedules.rates("one_cycle", 0.2, epochs=10, steps_per_epoch=100)
    assert found[0] == pytest.approx(0.2 / 25)
    # The top is at step 0.3 * 1000 - 1 = 299: the first step of epoch 4 lies one below it.
    assert found[3] == pytest.approx(0.2, rel=0.01)
    assert found.index(max(found)) == 3
    falls = [a - b for a, b in pairwise(found[3:])]
    assert falls[1:] == pytest.approx([0.2 / 7] * 5, rel=0.01)


def test_an_unknown_schedule_suggests_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'one_cycle'"):
        schedules.rates("onecycle", 0.1, epochs=1, steps_per_epoch=1)
