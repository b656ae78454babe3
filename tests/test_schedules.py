"""The schedules against hand arithmetic."""

import pytest

from utils import schedules


def test_constant_never_moves():
    assert schedules.rates("constant", 0.05, epochs=3, updates_per_epoch=7) == [0.05] * 21


def test_exponential_is_the_published_one():
    found = schedules.rates("exponential", 0.1, epochs=15, updates_per_epoch=7)
    assert found == pytest.approx([0.1 * 0.85 ** (update // 7) for update in range(105)])


def test_piecewise_prints_what_design_c3_printed():
    printed = "0.050000 0.075000 0.100000 0.085000 0.070000 0.055000 0.040000 0.025000 0.010000"
    printed += " 0.008750 0.007500 0.006250"
    found = schedules.rates("piecewise", 0.1, epochs=15, updates_per_epoch=3)[::3]
    assert [f"{rate:.6f}" for rate in found[:12]] == printed.split()
    assert found[12:] == pytest.approx([0.005, 0.00375, 0.0025])


def test_one_cycle_prints_what_design_c1_printed():
    """Its first printed rate, 0.01, is the optimizer's own, read before the schedule was made."""
    printed = "0.002534 0.004667 0.006801 0.008934 0.009523 0.008571 0.007619 0.006666 0.005714"
    printed += " 0.004761 0.003809 0.002857 0.001904 0.000952"
    found = schedules.rates("one_cycle", 0.01, epochs=15, updates_per_epoch=1875)[::1875]
    assert [f"{rate:.6f}" for rate in found[1:]] == printed.split()


def test_step_falls_to_a_tenth_every_six_epochs():
    found = schedules.rates("step", 0.1, epochs=15, updates_per_epoch=2)[::2]
    assert found == pytest.approx([0.1] * 6 + [0.01] * 6 + [0.001] * 3)


def test_plateau_waits_for_two_epochs_without_progress():
    losses = [1.0, 0.5, 0.4, 0.4, 0.4, 0.3, 0.2]
    found = schedules.rates("plateau", 0.1, 7, 1, losses)
    assert found == pytest.approx([0.1] * 5 + [0.01] * 2)
    with pytest.raises(ValueError, match="plateau follows the training loss: give losses"):
        schedules.rates("plateau", 0.1, 7, 1)


def test_one_cycle_rises_for_30_percent_and_falls_to_nothing():
    found = schedules.rates("one_cycle", 0.2, epochs=10, updates_per_epoch=100)
    low, end, top = 0.2 / 25, 0.2 / 25 / 1e4, 0.3 * 1000 - 1
    by_hand = [
        low + (0.2 - low) * step / top
        if step <= top
        else 0.2 + (end - 0.2) * (step - top) / (999 - top)
        for step in range(1000)
    ]
    assert found == pytest.approx(by_hand)
