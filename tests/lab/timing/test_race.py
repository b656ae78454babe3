"""The race: who runs, what its clock counts, and its profile."""

from dataclasses import replace

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader

from utils import data, smoke
from utils.experiments.published import DESIGN_A
from utils.experiments.speed import FASTEST, SPEED
from utils.history import History
from utils.lab.timing import profiler, race
from utils.lab.timing.benchmark import BASELINE, COURSE, ENTRANTS, FIRST, RECORD
from utils.loaders import MemoryLoader
from utils.pieces import Pieces, prepare
from utils.selection import SelectingLoader
from utils.support import machine

CPU = torch.device("cpu")


@pytest.fixture
def few(digits, monkeypatch):
    few = digits.subset(256, 64)
    monkeypatch.setattr(data, "load", lambda *_: few)
    return few


@pytest.fixture
def short(monkeypatch):
    for name, recipe in ENTRANTS.items():
        monkeypatch.setitem(ENTRANTS, name, smoke.smaller(recipe))


def record(images):
    return prepare(FASTEST, images, 0, CPU)


def test_the_baseline_is_design_a_as_most_texts_write_it(few):
    made = {name: make(few) for name, make in race.entrants(CPU).items()}
    assert list(made) == [BASELINE, COURSE, FIRST, RECORD]
    kinds = [type(pieces.train_loader) for pieces in made.values()]
    assert kinds == [DataLoader, MemoryLoader, MemoryLoader, SelectingLoader]
    assert made[BASELINE].train_loader.batch_size == made[COURSE].train_loader.batch_size == 64
    updates = [pieces.recipe.updates(256) for pieces in made.values()]
    assert updates == [pieces.schedule.total_steps for pieces in made.values()] == [40, 40, 6, 6]


def test_the_clock_counts_loading_and_training_but_not_evaluation(few, monkeypatch):
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(race.time, "perf_counter", lambda: next(clock))
    history = History(test_samples=100, seconds=[1.0] * 5 + [2.0], test_correct=[90] * 5 + [99])
    monkeypatch.setattr(Pieces, "fit", lambda pieces, verbose, **_: history)
    assert race.whole(record) == {"ready": 2.5, "training": 7.0, "accuracy": 99.0}


def test_an_interrupted_run_is_no_race(few, monkeypatch):
    half = History(test_samples=100, seconds=[3.0], test_correct=[90])
    monkeypatch.setattr(Pieces, "fit", lambda pieces, verbose, **_: half)
    with pytest.raises(KeyboardInterrupt):
        race.whole(record)


def test_a_race_measures_every_entrant_every_recipe_and_a_profile_each(few, short, monkeypatch):
    monkeypatch.setattr(race, "TURNS", 1)
    measured = race.measure(CPU, repeats=1)
    assert measured["race"].keys() == measured["profiles"].keys() == ENTRANTS.keys()
    assert measured["epochs"].keys() == {recipe.name for recipe in SPEED}
    assert all(run["training"] > 0 for runs in measured["race"].values() for run in runs)


def test_a_profile_names_what_takes_the_time_and_prints_nothing(few, capfd):
    shares = profiler.shares(prepare(DESIGN_A, few, 0, "cpu"))
    assert capfd.readouterr().err == ""
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    assert all(share > 0 for share in shares.values()) and len(shares) == 8
    assert shares["convolutions"] > shares["activation"]
    first, *_ = profiler.table(shares).rows
    assert first == ["convolutions", f"{100 * shares['convolutions']:.1f} %"]


def test_a_profile_is_of_the_cpu(few):
    pieces = replace(prepare(DESIGN_A, few, 0, "cpu"), device=torch.device("cuda"))
    with pytest.raises(ValueError, match="prepare it for 'cpu'"):
        profiler.shares(pieces)


def test_averaging_is_the_optimizers_work(few):
    pieces = record(few)
    pieces.average.update_parameters(pieces.model)  # the first copies, from then on it averages
    with profile(activities=[ProfilerActivity.CPU]) as found:
        pieces.average.update_parameters(pieces.model)
    kinds = [profiler._kind(event) for event in found.events() if "lerp" in event.name]
    assert kinds and set(kinds) == {"optimizer"}


def test_loading_is_what_the_loader_does_and_nothing_else(few):
    pieces = prepare(DESIGN_A, few, 0, "cpu")
    loader = pieces.train_loader

    class Slow:
        def __len__(self):
            return len(loader)

        def __iter__(self):
            for batch in loader:
                for _ in range(3):
                    torch.nn.functional.conv2d(torch.rand(64, 16, 28, 28), torch.rand(16, 16, 5, 5))
                yield batch

    with machine.cpu_threads(1):  # several wait for each other where other work runs beside them
        slow = profiler.shares(replace(pieces, train_loader=Slow()))
        usual = profiler.shares(prepare(DESIGN_A, few, 0, "cpu"))
    assert slow["loading"] > usual["loading"] + 0.15
