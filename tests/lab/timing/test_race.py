"""The race: its clock, its profile, and every number of its tables from made-up measurements."""

from itertools import pairwise

import pytest
import torch
from matplotlib.figure import Figure
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader

from utils import smoke, training
from utils.experiments import catalogue
from utils.experiments.published import DESIGN_A
from utils.experiments.speed import SPEED, SPEEDRUN
from utils.lab.report import speed
from utils.lab.report.speed import OURS, RECORD, USUAL
from utils.lab.runs import results
from utils.lab.timing import profiler, race, recorded
from utils.loaders import MemoryLoader
from utils.pieces import Pieces, prepare
from utils.recipes import difference, in_words

CPU = torch.device("cpu")


@pytest.fixture
def few(digits):
    return digits.subset(256, 64)


@pytest.fixture
def measured():
    """A race of three turns in which every number is easy to follow."""
    return {
        "machine": "a machine",
        "race": {
            USUAL: [{"ready": 1.0, "training": t, "accuracy": 99.2} for t in (99.0, 89.0, 109.0)],
            OURS: [{"ready": 1.0, "training": t, "accuracy": 99.2} for t in (49.0, 49.0, 49.0)],
            RECORD: [{"ready": 0.5, "training": t, "accuracy": 99.4} for t in (4.5, 3.5, 5.5)],
        },
        "epochs": {recipe.name: [1.0 * at, 2.0 * at, 99.0] for at, recipe in enumerate(SPEED, 1)},
        "profiles": {
            USUAL: {"loading": 0.5, "convolutions": 0.3, "other": 0.2},
            OURS: {"loading": 0.1, "convolutions": 0.6, "other": 0.3},
            RECORD: {"loading": 0.2, "convolutions": 0.6, "other": 0.2},
        },
    }


@pytest.fixture
def runs(monkeypatch):
    """Recorded runs whose accuracy rises by 0.1 a step; the seeds lie 0.01 apart."""

    def reported(name, folder=None):
        at = [recipe.name for recipe in SPEED].index(name)
        return [
            {"seed": seed, "test_accuracy_last": 98.6 + 0.1 * at + 0.01 * (seed % 5)}
            for seed in range(catalogue.get(name).seeds)
        ]

    monkeypatch.setattr(results, "reported", reported)


def rows_of(table):
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_the_usual_entrant_is_design_a_as_it_is_usually_written(few):
    made = {name: make(few) for name, make in race.entrants(CPU).items()}
    assert list(made) == [USUAL, OURS, RECORD]
    assert type(made[USUAL].train_loader) is DataLoader and made[USUAL].epochs == 10
    assert type(made[OURS].train_loader) is type(made[RECORD].train_loader) is MemoryLoader
    assert made[USUAL].train_loader.batch_size == made[OURS].train_loader.batch_size == 64
    steps = len(made[USUAL].train_loader) * made[USUAL].epochs
    assert made[USUAL].scheduler.total_steps == steps
    assert made[RECORD].epochs == SPEEDRUN.epochs


def test_the_clock_counts_loading_and_training_but_not_evaluation(few, monkeypatch):
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(race.time, "perf_counter", lambda: next(clock))
    history = training.History(
        test_samples=100, seconds=[1.0] * 5 + [2.0], test_correct=[90] * 5 + [99]
    )
    monkeypatch.setattr(Pieces, "fit", lambda setup, verbose: history)
    found = race.whole(lambda images: prepare(SPEEDRUN, images, 0, CPU), lambda: few)
    assert found == {"ready": 2.5, "training": 7.0, "accuracy": 99.0}


def test_a_race_that_is_interrupted_is_none(few, monkeypatch):
    half = training.History(test_samples=100, seconds=[3.0], test_correct=[90])
    monkeypatch.setattr(Pieces, "fit", lambda setup, verbose: half)
    with pytest.raises(KeyboardInterrupt):
        race.whole(lambda images: prepare(SPEEDRUN, images, 0, CPU), lambda: few)


def test_a_race_measures_every_entrant_every_recipe_and_three_profiles(few):
    short = {name: smoke.smaller(recipe) for name, recipe in speed.RECIPE_OF.items()}
    found = race.measure(repeats=1, load=lambda: few, device="cpu", run=short)
    assert found["race"].keys() == found["profiles"].keys() == speed.RECIPE_OF.keys()
    assert found["epochs"].keys() == {recipe.name for recipe in SPEED}
    assert all(run["training"] > 0 for runs in found["race"].values() for run in runs)


def test_a_profile_names_what_takes_the_time(few):
    found = profiler.shares(prepare(DESIGN_A, few, 0, "cpu"))
    assert sum(found.values()) == pytest.approx(1, abs=1e-3)
    parts = ("loading", "convolutions", "batch norm", "pooling", "ReLU", "dropout", "optimizer")
    assert all(found[part] > 0 for part in parts)
    assert found["convolutions"] > found["ReLU"]


def test_a_profile_is_of_the_cpu(few):
    setup = prepare(DESIGN_A, few, 0, "cpu")
    setup.device = torch.device("cuda")
    with pytest.raises(ValueError, match="prepare it for 'cpu'"):
        profiler.shares(setup)


def test_averaging_is_the_optimizers_work(few):
    setup = prepare(SPEEDRUN, few, 0, "cpu")
    setup.average.update_parameters(setup.model)  # the first copies, from then on it averages
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        setup.average.update_parameters(setup.model)
    kinds = [profiler._kind(event) for event in profiler.events() if "lerp" in event.name]
    assert kinds and set(kinds) == {"optimizer"}


def test_a_profile_is_a_table_with_the_largest_first():
    rows = profiler.table({"loading": 0.25, "convolutions": 0.75}).rows
    assert rows == [["convolutions", "75.0 %"], ["loading", "25.0 %"]]


def test_loading_is_what_the_loader_does_and_nothing_else(few):
    plain = prepare(DESIGN_A, few, 0, "cpu")
    slow = prepare(DESIGN_A, few, 0, "cpu")
    loader = slow.train_loader

    class Slow:
        def __len__(self):
            return len(loader)

        def __iter__(self):
            for batch in loader:
                torch.nn.functional.conv2d(torch.rand(64, 16, 28, 28), torch.rand(16, 16, 5, 5))
                yield batch

    before = profiler.shares(plain)
    slow.train_loader = Slow()
    assert profiler.shares(slow)["loading"] > before["loading"] + 0.2


def test_the_race_table_is_worked_out_by_hand(measured, runs):
    usual, ours, record = rows_of(speed.race(measured, []))
    assert usual["seconds"] == "100.0" and usual["least to most"] == "90.0 to 110.0"
    assert record["seconds"] == "5.0" and record["times faster"] == "20.0"
    assert ours["times faster"] == "2.0" and usual["steps"] == 10 * 938
    assert usual["images seen"] == "600,000"
    products = 28**2 * (9 * 4 + 9 * 4 * 4) + 14**2 * (9 * 4 * 8 + 9 * 8 * 8)
    products += 7**2 * (9 * 8 * 16 + 9 * 16 * 16 + 16 * 10)
    once = 28**2 * 9 * 4  # the first layer: no gradient of its input
    assert usual["billion MACs"] == f"{600_000 * (3 * products - once) / 1e9:,.0f}"
    # Unpadded: 5 x 5 at stride 2 leaves 12, a pool 6, then 4, then 2.
    products = 12**2 * 25 * 24 + 4**2 * 9 * 24 * 32 + 2**2 * 9 * 32 * 40 + 2**2 * 40 + 400
    images = SPEEDRUN.epochs * 60_000
    expected = images * (3 * products - 12**2 * 25 * 24) / 1e9
    assert record["billion MACs"] == f"{expected:,.0f}"
    assert usual["last epoch, seed 0"] == "99.20"


def test_the_record_on_another_device_has_a_row_of_its_own(measured, runs):
    gpu = {
        "machine": "a GPU",
        "race": {RECORD: [{"ready": 0.5, "training": 1.5, "accuracy": 99.5}]},
    }
    *_, here, there = rows_of(speed.race(measured, [gpu]))
    assert there["run"] == "the record, on a GPU" and there["seconds"] == "2.0"
    assert there["times faster"] == "" and there["steps"] == here["steps"]
    assert there["last epoch, seed 0"] == "99.50"
    assert speed.path_of("cpu").name == "race.json"
    assert speed.path_of("cuda").name == "race-cuda.json"


def test_the_chain_table_is_worked_out_by_hand(measured, runs):
    rows = rows_of(speed.chain(measured))
    assert [row["step"] for row in rows] == [recipe.title for recipe in SPEED]
    assert rows[0]["seconds per epoch"] == "2.0" and rows[0]["all epochs"] == "20.0"
    assert rows[1]["Δ [95 % interval]"].startswith("+0.10 [+0.10, +0.10]")
    for (before, after), row in zip(pairwise(SPEED), rows[1:], strict=True):
        assert row["the one change"] == in_words(difference(before, after))


def test_targets_are_held_against_what_was_measured(measured, runs, monkeypatch):
    monkeypatch.setattr(recorded, "targets", lambda: [["loading", "≤ 3 %", "2.0 %", "yes"]])
    accuracy, seconds, loading = speed.targets(measured).rows
    assert accuracy[1:] == ["≥ 99.40", "99.420", "yes"]
    assert seconds[1:] == ["≤ 6.7", "5.0", "yes"]
    assert loading[0] == "loading"
    measured["race"][RECORD] = [{"ready": 1.0, "training": 7.0, "accuracy": 99.4}] * 3
    assert speed.targets(measured).rows[1][2:] == ["8.0", "no, by 1.3"]


def test_loading_is_held_against_its_targets():
    ours, floor = recorded.OURS, recorded.FLOOR
    usual = recorded.USUAL[recorded.AUGMENTED]
    took = {ours["plain"]: [1.02], ours["augmented"]: [1.2], floor: [1.0], usual: [3.0]}
    own = {"recipe": "design_a", "model": "m", "batch_size": 64, "seconds": took}
    measured = {"cases": [own, own | {"batch_size": 128}]}
    assert [row[1:] for row in recorded.targets(measured)] == [
        ["≤ 3 %", "2.0 %", "yes"],
        ["≤ 10 %", "20.0 %", "no"],
        ["≥ 3", "2.5", "no"],
    ]


def test_the_pictures_say_what_was_measured(measured, runs):
    picture = speed.race_picture(measured)
    assert isinstance(picture, Figure)
    assert "99.42 % in 5.0 seconds: 20.0 times faster" in picture._suptitle.get_text()
    assert "from 20 to" in speed.chain_picture(measured)._suptitle.get_text()
    title = speed.profile_picture(measured)._suptitle.get_text().replace("\n", " ")
    assert title.startswith("At first most is saved on loading, then")
    assert title.endswith("on the way to the record, on convolutions")


def test_a_race_that_was_not_run_says_how_to_run_it(tmp_path):
    with pytest.raises(ValueError, match=r"python -m utils\.lab race --record"):
        speed.read(tmp_path / "race.json")
