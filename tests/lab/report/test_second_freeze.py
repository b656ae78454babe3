"""The second freeze's tables, every number from made-up runs."""

import pandas as pd
import pytest
from made_up import columns

from utils import integers
from utils.experiments.second_freeze import SECOND, TARGETS
from utils.lab.report import choices, second_freeze
from utils.lab.report.paired import DELTA, parameters
from utils.lab.runs import results
from utils.lab.runs.validation import AS_CHOSEN

LIMITS = list(SECOND)


@pytest.fixture
def sized(runs):
    """Twenty runs of every size around its target, all of one above and all of another below."""
    for at, limit in enumerate(LIMITS):
        level = TARGETS[limit] + 0.1 * (at - 1)
        runs[SECOND[limit].name] = {100 + n: [level + 0.01 * (n % 3 - 1)] for n in range(20)}
    return runs


def test_a_target_is_shown_at_one_per_cent(sized):
    found = columns(second_freeze.table())
    assert found["parameters"] == [f"{parameters(SECOND[limit]):,}" for limit in LIMITS]
    assert found["at least, at 1 %"][0].startswith(
        f"{TARGETS[LIMITS[0]]:.2f}: no: shown to be lower"
    )
    assert found["at least, at 1 %"][1].startswith(f"{TARGETS[LIMITS[1]]:.2f}: not shown")
    assert found["at least, at 1 %"][2] == f"{TARGETS[LIMITS[2]]:.2f}: yes (p < 0.001)"
    assert found["lowest, highest"][1] == f"{TARGETS[LIMITS[1]] - 0.01:.2f}, " + (
        f"{TARGETS[LIMITS[1]] + 0.01:.2f}"
    )


def test_views_and_bytes_come_from_the_runs_themselves(sized, monkeypatch):
    def reported(name):
        return [
            {"seed": seed, "rounded": {"correct": 9940}, "views_correct": 9950 + seed % 2}
            for seed in (100, 101)
        ]

    monkeypatch.setattr(results, "reported", reported)
    found = columns(second_freeze.otherwise())
    assert found["5 views"][0].startswith("99.505") and found["a byte a weight"][0][:6] == "99.400"
    sizes = [f"{integers.size(SECOND[limit].stages, 255):,}" for limit in LIMITS]
    assert found["bytes of that"] == sizes
    macs = columns(second_freeze.table())["million MACs"]
    five = [float(of_five) / 5 for of_five in found["million MACs of these"]]
    assert five == pytest.approx([float(one) for one in macs], abs=0.006)


def test_two_freezes_stand_side_by_side(sized, monkeypatch):
    rows = [(AS_CHOSEN, 1, 99.41), (AS_CHOSEN, 1, 99.43), (AS_CHOSEN, 2, 99.3), ("lr", 1, 99.9)]
    tried = pd.DataFrame(rows, columns=["tried", "split", "accuracy"])
    monkeypatch.setattr(choices, "frame", lambda names: tried)
    found = columns(second_freeze.two_freezes())
    assert found["on validation, split 1 and 2"] == ["99.42, 99.30"] * len(LIMITS)
    first = sized[second_freeze.FIRST[LIMITS[0]].name]
    mean = sum(run[-1] for run in first.values()) / len(first)
    assert found["its last epoch"][0].startswith(f"{mean:.3f}")
    assert found[DELTA][0].startswith(f"{TARGETS[LIMITS[0]] - 0.1 - mean:+.2f}")
