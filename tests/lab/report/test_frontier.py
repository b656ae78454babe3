"""The frontier's tables and pictures, every number from made-up runs; its published facts."""

import pytest

from utils import models
from utils.experiments.frontier import FRONTIER, LONG
from utils.experiments.recorded import BadResult
from utils.lab.report import frontier
from utils.lab.runs import results, validation
from utils.recipes import build_model
from utils.support.tables import Table

LEVELS = dict(zip(FRONTIER, (99.20, 99.38, 99.41, 99.55, 99.60, 99.70), strict=True))
WRONG = {
    "indices": [0, 947, 4823],
    "labels": [7, 8, 9],
    "predictions": [1, 9, 4],
    "probabilities": [0.9, 0.8, 0.7],
    "true_probabilities": [0.1, 0.1, 0.2],
}
NOTHING_WRONG = {key: [] for key in WRONG}


@pytest.fixture
def runs(monkeypatch):
    """Five runs of every size, 0.01 apart around ``LEVELS``; targets 0.05 below those."""
    level_of = {FRONTIER[limit].name: level for limit, level in LEVELS.items()}

    def reported(name, folder=None):
        def wrong(seed):
            return WRONG if (name, seed) == (frontier.LARGEST.name, 0) else NOTHING_WRONG

        return [
            {
                "seed": seed,
                "test_accuracy_last": level_of[name] + 0.01 * (seed - 2),
                "misclassified": wrong(seed),
            }
            for seed in range(5)
        ]

    monkeypatch.setattr(results, "reported", reported)
    targets = {name: level - 0.05 for name, level in level_of.items()}
    monkeypatch.setattr(frontier, "TARGETS", targets | {FRONTIER[2000].name: 99.25})
    return reported


def rows_of(table: Table):
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_the_table_has_every_size_and_what_was_missed(runs):
    rows = rows_of(frontier.table())
    assert [row["fewer than"] for row in rows] == [f"{limit:,}" for limit in FRONTIER]
    first, last = rows[0], rows[-1]
    assert first["last epoch"] == "99.200\u00a0±\u00a00.016" and first["reached"] == "no, by 0.050"
    assert last["lowest, highest"] == "99.68, 99.72" and last["reached"] == "yes"
    found = models.count_parameters(build_model(FRONTIER[8000]))
    assert rows[3]["parameters"] == f"{found:,}"
    gaps = [row["Δ to the size before [95 % interval]"] for row in rows]
    assert gaps[:2] == ["", "+0.18 [+0.18, +0.18]"] and gaps[-1] == "+0.10 [+0.10, +0.10]"


def test_the_smallest_that_is_enough_is_the_smallest(runs):
    assert frontier.smallest() is FRONTIER[5000]
    size = models.count_parameters(build_model(FRONTIER[5000]))
    assert f"of 6 sizes to average 99.40 % has {size:,} parameters; " in frontier.finding()
    assert frontier.finding().endswith(" average 99.70 %")


def test_longer_runs_are_compared_seed_by_seed(runs, monkeypatch):
    short = results.reported

    def reported(name, folder=None):
        found = short(name.removesuffix("_long"))
        found = found[1:4] if name.endswith("_long") else found
        more = 0.05 if name.endswith("_long") else 0
        return [run | {"test_accuracy_last": run["test_accuracy_last"] + more} for run in found]

    monkeypatch.setattr(results, "reported", reported)
    rows = rows_of(frontier.longer())
    assert [row["fewer than"] for row in rows] == [f"{limit:,}" for limit in LONG]
    assert {row["Δ [95 % interval]"] for row in rows} == {"+0.05 [+0.05, +0.05]"}
    assert rows[0]["one a seed"] == "99.24, 99.25, 99.26" and rows[0]["epochs"] == 60
    assert rows[0]["these seeds in 20 epochs"] == "99.200"


def test_none_may_be_enough(runs, monkeypatch):
    monkeypatch.setattr(frontier, "ENOUGH", 99.99)
    assert frontier.smallest() is None
    assert "None of 6 sizes averages 99.99 %;" in frontier.finding()


def test_the_picture_has_ours_and_theirs(runs):
    figure = frontier.picture()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(labels) == 4 and frontier.finding() in figure.get_suptitle().replace("\n", " ")


def test_the_mistakes_are_the_largest_networks_first_seeds(runs, mnist):
    figure = frontier.mistakes_picture(mnist)
    assert "3 of 10,000 wrong; * 1 whose label" in figure.get_suptitle()
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert [title.endswith("*") for title in titles] == [False, True, False]
    assert [row[1] for row in frontier.mistakes_read().rows] == [3, 2, 2, 1, 1]


def test_an_ablation_compares_the_seeds_of_both(monkeypatch):
    tried = {
        validation.AS_CHOSEN: {0: 99.4, 1: 99.5},
        "bias: no → yes": {0: 99.3, 1: 99.4, 2: 99.4},
        "lr: 1 → 2": {0: 99.6, 5: 90.0},  # nothing to compare seed 5 with
        "ema: none → 0.9": {5: 99.9},  # nor this
    }
    monkeypatch.setattr(validation, "found", lambda name: tried)
    rows = rows_of(frontier.ablation())
    assert [(row["changed"], row["Δ [95 % interval]"]) for row in rows] == [
        ("lr: 1 → 2", "+0.20"),  # one seed has no interval
        (validation.AS_CHOSEN, ""),
        ("bias: no → yes", "-0.10 [-0.10, -0.10]"),
    ]
    assert [row["validation accuracy, seed by seed"] for row in rows] == [
        "99.40 → 99.60",
        "99.40, 99.50",
        "99.40 → 99.30, 99.50 → 99.40",
    ]
    del tried[validation.AS_CHOSEN]
    with pytest.raises(BadResult, match="choose frontier_8k"):
        frontier.ablation()


def test_what_all_sizes_share_is_told_once_and_the_rest_in_the_table(runs):
    shared, own = dict(frontier.common().rows), frontier.table().columns
    assert shared["epochs"] == "20" and shared["head"] == FRONTIER[8000].head
    assert "augmentation" in own and not shared.keys() & {"stages", *own}


def test_the_line_goes_straight_from_size_to_size_in_the_logarithm(runs):
    small, large = (models.count_parameters(build_model(FRONTIER[k])) for k in (2000, 4000))
    assert frontier.line(small) == pytest.approx(99.20)
    assert frontier.line((small * large) ** 0.5) == pytest.approx((99.20 + 99.38) / 2, abs=1e-3)
    first, *_ = rows_of(frontier.published())
    beside = float(first["accuracy"]) - frontier.line(int(first["parameters"].replace(",", "")))
    assert float(first["less our line"]) == pytest.approx(beside, abs=0.006)


def test_published_runs_are_below_the_largest_size_and_have_a_source(runs):
    found = frontier.elsewhere()
    assert [one["parameters"] for one in found] == sorted(one["parameters"] for one in found)
    for one in found:
        assert 0 < one["parameters"] < 20_000 and 95 < one["accuracy"] < 100
        assert one["source"] and one["where"] and one["protocol"]
    assert len(frontier.published().rows) == len(found)
