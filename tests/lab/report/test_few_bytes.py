"""Accuracy against bytes, every number from made-up runs."""

import numpy as np
import pytest
from made_up import columns, of, words

from utils import integers, levels
from utils.experiments.few_bytes import TRIED
from utils.experiments.frontier import FRONTIER
from utils.experiments.second_freeze import SECOND
from utils.lab.report import few_bytes, frontier, intervals
from utils.lab.report.paired import parameters
from utils.lab.runs import results

RECIPE = TRIED[3000, 7]


@pytest.fixture
def whole(runs, monkeypatch):
    """How many of 10,000 digits each seed's whole numbers read, to be changed."""
    runs[RECIPE.name] = of(99.45, 99.46, 99.47)
    correct = [9943, 9945, 9947]

    def reported(name):
        every = correct if name == RECIPE.name else [9900, 9902]
        return [
            {"seed": at, "rounded": {"correct": n}, "views_correct": n + 4}
            for at, n in enumerate(every)
        ]

    monkeypatch.setattr(results, "reported", reported)
    monkeypatch.setattr(few_bytes, "BYTES", {3000: RECIPE})
    return correct


def test_the_table_counts_what_whole_numbers_read(whole):
    found = {name: cell for name, (cell,) in columns(few_bytes.table()).items()}
    assert found["bytes at most"] == "3,000" and found["levels"] == 7
    assert found["bytes"] == f"{integers.size(RECIPE.stages, 7):,}"
    assert found["whole numbers, last epoch"] == "99.450\u00a0±\u00a00.020\u00a0(3)"
    assert (
        found["lowest, highest"] == "99.43, 99.47"
        and found["with activations in floats"] == "99.460"
    )
    assert found["in floats, 5 views"] == "99.490"
    expected = intervals.verdict(intervals.estimate([99.43, 99.45, 99.47]), 99.40, 0.01)
    assert found["at least, at 1 %"] == f"99.40: {expected}"
    assert expected.startswith("not shown")


def test_the_title_claims_only_what_is_shown(whole):
    size = f"{integers.size(RECIPE.stages, 7):,}"
    assert few_bytes.title() == f"{size} bytes read 99.45 % of the test digits on average"
    whole[:] = [9949, 9950, 9951]
    assert few_bytes.title().startswith(f"{size} bytes are shown to read at least 99.40 %")


def test_the_picture_has_our_bytes_and_others(whole):
    figure = few_bytes.picture()
    assert words(figure) == few_bytes.title()
    # A line, and the two ends of its bars, of each.
    ours, rounded, floats = (line.get_xydata() for line in figure.axes[0].lines[::3])
    assert ours[0] == pytest.approx([few_bytes.size(RECIPE), 99.45]) and len(ours) == 1
    expected = [(integers.size(recipe.stages, levels.MOST), 99.01) for recipe in SECOND.values()]
    assert rounded == pytest.approx(np.array(expected))
    assert floats[:, 0].tolist() == [4 * parameters(recipe) for recipe in SECOND.values()]
    others = figure.axes[0].collections[-1].get_offsets()
    assert [11264, 99.55] in others.tolist() and len(others) == len(few_bytes.elsewhere())


def test_the_readmes_picture_has_parameters_above_and_bytes_below(whole, runs):
    for at, recipe in enumerate([*FRONTIER.values(), *SECOND.values()]):
        runs[recipe.name] = of(*(99.2 + 0.1 * at + 0.01 * seed for seed in range(5)))
    figure = few_bytes.by_parameters_and_bytes()
    above, below = figure.axes
    assert (above.get_xlabel(), below.get_xlabel()) == ("parameters", few_bytes.BYTES_LEARNED)
    assert words(figure) == frontier.finding() and below.get_title() == few_bytes.title()
    assert len(figure.legends[0].get_texts()) == 9


def test_a_file_is_smaller_than_its_limit():
    for (limit, _), recipe in TRIED.items():
        assert 0.9 * limit < few_bytes.size(recipe) <= limit


def test_what_others_publish_has_its_place():
    found = columns(few_bytes.published())
    assert "11,264" in found["bytes"] and set(found["source"]) == {
        "[cpldcpu/BitNetMCU](https://github.com/cpldcpu/BitNetMCU)"
    }
