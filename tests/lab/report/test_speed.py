"""Every number of the race's tables and pictures, from made-up measurements."""

from itertools import pairwise

import pytest

from utils.experiments import catalogue
from utils.experiments.speed import SPEED, SPEEDRUN
from utils.lab.report import speed
from utils.lab.timing import benchmark
from utils.lab.timing.benchmark import BASELINE, COURSE, FIRST, RECORD
from utils.recipes import difference, in_words


def runs_of(ready, times, accuracy):
    return [{"ready": ready, "training": took, "accuracy": accuracy} for took in times]


@pytest.fixture
def measured():
    """A race of three turns in which every number is easy to follow."""
    profiles = ((0.5, 0.3, 0.2), (0.1, 0.6, 0.3), (0.2, 0.6, 0.2), (0.2, 0.6, 0.2))
    kinds = ("loading", "convolutions", "other")
    return {
        "machine": "a machine",
        "race": {
            BASELINE: runs_of(1.0, (99.0, 89.0, 109.0), 99.2),
            COURSE: runs_of(1.0, (49.0, 49.0, 49.0), 99.2),
            FIRST: runs_of(0.5, (4.5, 3.5, 5.5), 99.4),
            RECORD: runs_of(0.5, (2.0, 1.5, 1.9), 99.4),
        },
        "epochs": {recipe.name: [1.0 * at, 2.0 * at, 99.0] for at, recipe in enumerate(SPEED, 1)},
        "profiles": {
            name: dict(zip(kinds, shares, strict=True))
            for name, shares in zip((BASELINE, COURSE, FIRST, RECORD), profiles, strict=True)
        },
    }


@pytest.fixture(autouse=True)
def _runs(runs):
    """Recorded runs whose accuracy rises by 0.1 a recipe; the seeds lie 0.01 apart."""
    for at, recipe in enumerate(SPEED):
        known = catalogue.get(recipe.name)
        seeds = range(known.first, known.first + known.seeds)
        runs[recipe.name] = {n: [98.6 + 0.1 * at + 0.01 * (n % 5)] for n in seeds}


def rows_of(table):
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_the_race_table_is_worked_out_by_hand(measured):
    baseline, course, first, record = rows_of(speed.race(measured, []))
    assert baseline["seconds"] == "100.0" and baseline["least to most"] == "90.0 to 110.0"
    assert first["seconds"] == "5.0" and first["times faster"] == "20.0"
    assert course["times faster"] == "2.0" and baseline["updates"] == 10 * 938
    assert record["seconds"] == "2.4" and record["updates"] == 235 + 5 * 59
    assert record["images seen"] == "135,000"
    assert baseline["images seen"] == "600,000" and baseline["last epoch, seed 0"] == "99.20"
    macs = 28**2 * (9 * 4 + 9 * 4 * 4) + 14**2 * (9 * 4 * 8 + 9 * 8 * 8)
    macs += 7**2 * (9 * 8 * 16 + 9 * 16 * 16 + 16 * 10)
    once = 28**2 * 9 * 4  # the first layer: no gradient of its input
    assert baseline["billion MACs"] == f"{600_000 * (3 * macs - once) / 1e9:,.0f}"
    # Unpadded: 5 x 5 at stride 2 leaves 12, a pool 6, then 4, then 2.
    macs = 12**2 * 25 * 24 + 4**2 * 9 * 24 * 32 + 2**2 * 9 * 32 * 40 + 2**2 * 40 + 400
    seen = SPEEDRUN.epochs * 60_000
    assert first["billion MACs"] == f"{seen * (3 * macs - 12**2 * 25 * 24) / 1e9:,.0f}"


def test_the_record_on_another_device_has_a_row_of_its_own(measured):
    gpu = {"machine": "a GPU", "race": {RECORD: runs_of(0.5, [1.5], 99.5)}}
    *_, here, there = rows_of(speed.race(measured, [gpu]))
    assert there["run"] == "the record, on a GPU" and there["seconds"] == "2.0"
    assert there["times faster"] == "" and there["updates"] == here["updates"]
    assert benchmark.race_path("cpu").name == "race.json"
    assert benchmark.race_path("cuda").name == "race-cuda.json"


def test_the_chain_table_is_worked_out_by_hand(measured):
    rows = rows_of(speed.chain(measured))
    assert [row["step"].split(" (the")[0] for row in rows] == [recipe.title for recipe in SPEED]
    assert rows[8]["step"].endswith(" (the first record)")
    assert rows[-1]["step"].endswith(" (the record)")
    assert rows[0]["seconds per epoch"] == "2.0" and rows[0]["all epochs"] == "20.0"
    assert rows[1]["Δ [95 % interval]"].startswith("+0.10 [+0.08, +0.12]"), "Welch"
    for (before, after), row in zip(pairwise(SPEED), rows[1:], strict=True):
        assert row["the one change"] == in_words(difference(before, after))


def test_the_tries_for_one_target_stand_in_their_order_each_at_its_level(measured):
    rows = rows_of(speed.tries())
    names = ["`speedrun`", "`speedrun_hard`", "`speedrun_again`", "`speedrun_third`"]
    assert [row["recipe"] for row in rows] == names
    levels = [row["at least 99.40, and the level"].split("; ")[1] for row in rows]
    assert levels == ["0.01", "0.01", "0.005", "0.0033"]
    assert [row["images seen"] for row in rows] == ["360,000", "120,000", *["135,000"] * 2]


def test_targets_are_held_against_what_was_measured(measured, monkeypatch):
    monkeypatch.setattr(benchmark, "targets", lambda: [["loading", "≤ 3 %", "2.0 %", "yes"]])
    accuracy, seconds, random, loading = speed.targets(measured).rows
    assert "40 seeds, at p < 0.0033" in accuracy[0]
    assert accuracy[1:] == ["≥ 99.40", "99.820", "yes (p < 0.001)"]
    assert seconds[1:] == ["≤ 4.0", "2.4", "yes"]
    assert random[1:] == ["all", "all but the first", "no"]
    measured["race"][RECORD] = runs_of(0.5, (4.5, 3.5, 5.5), 99.4)
    assert speed.targets(measured).rows[1][1:] == ["≤ 4.0", "5.0", "no, by 1.0"]
    assert loading[0] == "loading"


def test_the_pictures_and_the_finding_say_what_was_measured(measured):
    pictures = (speed.race_picture, speed.chain_picture, speed.profile_picture)
    race, chain, profile = (draw(measured).get_suptitle() for draw in pictures)
    assert race.startswith("The record takes 2.4 seconds, the usual version of design A 41.7 times")
    assert "from 20 to 58.5 seconds" in chain
    assert profile.startswith("At first most is saved on loading, then")
    assert profile.endswith("on the way to the first record, on convolutions")
    assert "after **2.4 seconds** from untrained weights (a machine)" in speed.finding(measured)


def test_the_pictures_show_medians_and_means(measured):
    (race,) = speed.race_picture(measured).axes
    assert [bar.get_width() for bar in race.patches] == [100, 50, 5, pytest.approx(2.4)]
    took, accuracy = speed.chain_picture(measured).axes
    assert [bar.get_width() for bar in took.patches][:2] == [20, 40]
    assert list(accuracy.lines[0].get_xdata()) == pytest.approx(
        [98.62 + 0.1 * at for at in range(len(SPEED))]
    )
