"""The frontier's tables and pictures, every number from made-up runs; its published facts."""

import pandas as pd
import pytest
from made_up import columns, of, words

from utils.experiments.frontier import FRONTIER, LONG
from utils.experiments.recorded import BadResult
from utils.lab.report import choices, frontier
from utils.lab.report.paired import DELTA, parameters
from utils.lab.runs.validation import AS_CHOSEN

LEVELS = dict(zip(FRONTIER, (99.20, 99.38, 99.41, 99.55, 99.60, 99.72), strict=True))


@pytest.fixture
def sized(runs, monkeypatch):
    """Five runs of every size, 0.01 apart around ``LEVELS``, and none of a second freeze."""
    monkeypatch.setattr(frontier, "NETWORKS", list(FRONTIER.values()))
    for limit, level in LEVELS.items():
        runs[FRONTIER[limit].name] = of(*(level + 0.01 * n for n in (-2, -1, 0, 1, 2)))
    return runs


def test_the_table_has_every_size_and_what_was_missed(sized):
    found = columns(frontier.table())
    assert found["fewer than"] == [f"{limit:,}" for limit in FRONTIER]
    assert found["parameters"] == [f"{parameters(recipe):,}" for recipe in FRONTIER.values()]
    assert found["last epoch"][0] == "99.200\u00a0±\u00a00.016"
    shown = ["not shown (p = 0.50)", "no: shown to be lower, by 0.070 (p < 0.001)"]
    assert found["shown"][:2] == shown and found["shown"][-1] == "not shown (p = 0.50)"
    assert found["lowest, highest"][-1] == "99.70, 99.74"
    gaps = found["Δ to the size before [95 % interval]"]
    assert gaps[:2] == ["", "+0.18 [+0.16, +0.20]"] and gaps[-1] == "+0.12 [+0.10, +0.14]"


def test_the_smallest_that_is_enough_is_the_smallest(sized, monkeypatch):
    # 5,000 average 99.41 with an error of 0.007: p is 0.12, and 0.01 is asked for.
    assert frontier.smallest() is FRONTIER[8000]
    size = f"{parameters(FRONTIER[8000]):,}"
    claim = f"of 6 sizes shown to average 99.40 %: {size} parameters (5 seeds, p < 0.001); "
    assert claim in frontier.finding()
    assert columns(frontier.sizes())["at least 99.40, at 1 %"][2:4] == [
        "not shown (p = 0.12)",
        "yes (p < 0.001)",
    ]
    assert frontier.finding().endswith(": 99.72 %")
    monkeypatch.setattr(frontier, "ENOUGH", 99.99)
    assert frontier.smallest() is None
    assert "None of 6 sizes is shown to average 99.99 %;" in frontier.finding()


def test_longer_runs_are_compared_seed_by_seed(sized):
    for limit, recipe in LONG.items():
        sized[recipe.name] = {n: [LEVELS[limit] + 0.01 * n + 0.03] for n in (1, 2, 3)}
    found = columns(frontier.longer())
    assert found["fewer than"] == [f"{limit:,}" for limit in LONG]
    assert found[DELTA] == ["+0.05 [+0.05, +0.05] over 3"] * 2
    assert found["seed by seed"][0] == "99.24, 99.25, 99.26" and found["epochs"][0] == "60"
    assert found["these seeds in 20 epochs"][0] == "99.200"


def test_the_picture_has_ours_and_theirs(sized, monkeypatch):
    monkeypatch.setattr(frontier, "NETWORKS", [FRONTIER[5000], FRONTIER[20_000]])
    figure = frontier.picture()
    assert frontier.finding() in words(figure)
    (axes,) = figure.axes
    # A line, and the two ends of its bars, of what stands now and of the first freeze.
    newest, before = (line.get_xydata() for line in axes.lines[::3])
    limits = [[5000, 20_000], FRONTIER]
    for drawn, of_these in zip((newest, before), limits, strict=True):
        assert drawn[:, 0].tolist() == [parameters(FRONTIER[limit]) for limit in of_these]
        assert drawn[:, 1] == pytest.approx([LEVELS[limit] for limit in of_these])
    theirs = [marks.get_offsets() for marks in axes.collections if len(marks.get_offsets()) > 1]
    assert sorted(map(len, theirs)) == [3, 12, 18], "doubtful, elsewhere, the published designs"
    assert len(figure.legends[0].get_texts()) == 5


def test_the_mistakes_are_the_largest_networks_first_seeds(wrong, mnist):
    largest = frontier.NETWORKS[-1].name
    wrong[largest] = {100: [(0, 7, 1), (947, 8, 9), (4823, 9, 4)], 101: [(5, 1, 2)]}
    figure = frontier.mistakes_picture(mnist)
    assert "3 mistakes; * 1 whose label" in words(figure)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert [title.endswith("*") for title in titles] == [False, True, False]
    assert [cells[1] for cells in frontier.mistakes_read().rows] == [3, 2, 2, 1, 1]


def test_an_ablation_compares_the_seeds_of_both(monkeypatch):
    tried = {
        AS_CHOSEN: {0: 99.4, 1: 99.5},
        "bias: no → yes": {0: 99.3, 1: 99.4, 2: 99.4},
        "lr: 1 → 2": {0: 99.6, 5: 90.0},  # nothing to compare seed 5 with
        "ema: none → 0.9": {5: 99.9},  # nor this
    }
    found = pd.DataFrame(
        [(change, *run, 1) for change, by_seed in tried.items() for run in by_seed.items()]
        + [(AS_CHOSEN, 0, 90.0, 2)],  # the other split has no part in it
        columns=["tried", "seed", "accuracy", "split"],
    )
    monkeypatch.setattr(choices, "frame", lambda names: found)
    assert frontier.ablation().rows == [
        ["lr: 1 → 2", "99.40 → 99.60", "+0.20"],  # one seed has no interval
        [AS_CHOSEN, "99.40, 99.50", ""],
        ["bias: no → yes", "99.40 → 99.30, 99.50 → 99.40", "-0.10 [-0.10, -0.10]"],
    ]
    monkeypatch.setattr(choices, "frame", lambda names: found[found.tried != AS_CHOSEN])
    with pytest.raises(BadResult, match="choose frontier_8k"):
        frontier.ablation()


def test_what_all_sizes_share_is_told_once_and_the_rest_in_the_table(sized):
    shared, own = dict(frontier.common().rows), frontier.table().columns
    assert shared["epochs"] == "20" and shared["head"] == FRONTIER[8000].head
    assert "augmentation" in own and not shared.keys() & {"stages", *own}


def test_the_line_goes_straight_from_size_to_size_in_the_logarithm(sized):
    small, large = (parameters(FRONTIER[limit]) for limit in (2000, 4000))
    assert frontier.line(small) == pytest.approx(99.20) and pd.isna(frontier.line(small - 1))
    assert frontier.line((small * large) ** 0.5) == pytest.approx((99.20 + 99.38) / 2, abs=1e-3)
    found = columns(frontier.published())
    assert found["minus our line"][0] == "", "697 parameters are fewer than our smallest has"
    size, accuracy = int(found["parameters"][5].replace(",", "")), float(found["accuracy"][5])
    beside = float(found["minus our line"][5])
    assert beside == pytest.approx(accuracy - frontier.line(size), abs=0.006)
    assert found["source"][0].startswith("[") and "](https://github.com/" in found["source"][0]


def test_published_runs_are_below_the_largest_size_and_have_a_source():
    found = frontier.elsewhere()
    assert found.parameters.is_monotonic_increasing and found.parameters.max() < 20_000
    assert found.accuracy.between(95, 100).all()
    assert (found[["source", "where", "protocol"]] != "").all(axis=None)
