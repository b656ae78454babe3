"""The schedules against hand arithmetic."""

import pytest

from utils import schedules


def test_constant_never_moves():
    assert schedules.rates("constant", 0.05, epochs=3, steps_per_epoch=7) == [0.05] * 21


def test_exponential_is_the_published_one():
    found = schedules.rates("exponential", 0.1, epochs=15, steps_per_epoch=7)
    assert found == pytest.approx([0.1 * 0.85 ** (step // 7) for step in range(105)])


def test_one_cycle_rises_for_30_percent_and_falls_to_nothing():
    found = schedules.rates("one_cycle", 0.2, epochs=10, steps_per_epoch=100)
    low, end, top = 0.2 / 25, 0.2 / 25 / 1e4, 0.3 * 1000 - 1
    by_hand = [
        low + (0.2 - low) * step / top
        if step <= top
        else 0.2 + (end - 0.2) * (step - top) / (999 - top)
        for step in range(1000)
    ]
    assert found == pytest.approx(by_hand)


def test_an_unknown_schedule_suggests_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'one_cycle'"):
        schedules.rates("onecycle", 0.1, epochs=1, steps_per_epoch=1)
