"""A record's dated folder: its runs, its race, and that it does not change."""

import csv
import dataclasses
import json

import pytest

from utils.experiments import catalogue
from utils.experiments.published import DESIGN_A
from utils.experiments.speed import SPEEDRUN
from utils.experiments.steps import SKELETON
from utils.lab.report import records
from utils.lab.timing.benchmark import BASELINE, ENTRANTS


@pytest.fixture
def race():
    run = {"ready": 0.5, "training": 9.5, "accuracy": 99.4}
    slow = run | {"training": 99.5}
    entrants = {name: [slow if name == BASELINE else run] for name in ENTRANTS}
    epochs = {recipe.name: [1.0] for recipe in ENTRANTS.values()}
    machine = {"machine": "a machine", "threads": 2, "git_commit": "abc"}
    return machine | {"race": entrants, "epochs": epochs}


def test_a_record_holds_every_seed_and_the_race(tmp_path, race):
    path = records.write(SPEEDRUN, race, tmp_path)
    record = json.loads((path / "record.json").read_text(encoding="utf-8"))
    assert path.name == f"{record['date']}-speedrun" and record["seeds"] == 20
    assert record["parameters"] == 19_794 and record["race"]["git_commit"] == "abc"
    with (path / "log.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 20 * SPEEDRUN.epochs
    last = [float(row["test accuracy"]) for row in rows if row["epoch"] == str(SPEEDRUN.epochs)]
    assert sum(last) / 20 == pytest.approx(record["mean"], abs=1e-4)
    assert {row["images"] for row in rows} == {"60000"}
    (shown,) = records.table(records.read(tmp_path)).rows
    assert shown[-3:] == ["10.0", "10.0", "a machine"]


def test_a_record_does_not_change(tmp_path, race):
    records.write(SPEEDRUN, race, tmp_path)
    with pytest.raises(ValueError, match="is written already: a record does not change"):
        records.write(SPEEDRUN, race, tmp_path)


def test_what_did_not_race_is_no_record(tmp_path, race):
    with pytest.raises(ValueError, match="a place in the race only if it is one of design_a"):
        records.write(SKELETON, race, tmp_path)
    race["epochs"].pop("speedrun")  # raced before it had this place
    with pytest.raises(ValueError, match="speedrun has a place in the race only if"):
        records.write(SPEEDRUN, race, tmp_path)


def test_runs_that_do_not_show_their_target_are_no_record(tmp_path, race, monkeypatch):
    high = dataclasses.replace(catalogue.get("speedrun"), target=99.45)
    monkeypatch.setitem(catalogue.EXPERIMENTS, "speedrun", high)
    with pytest.raises(ValueError, match=r"speedrun is no record: .* at least 99\.45 % is not"):
        records.write(SPEEDRUN, race, tmp_path)
    with pytest.raises(ValueError, match="design_a is no record: it has no target"):
        records.write(DESIGN_A, race, tmp_path)
    low = dataclasses.replace(catalogue.get("speedrun"), target=99.3)
    monkeypatch.setitem(catalogue.EXPERIMENTS, "speedrun", low)
    with pytest.raises(ValueError, match=r"speedrun is a record of 99\.30, the others of 99\.4"):
        records.write(SPEEDRUN, race, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_folders_say_what_was_claimed():
    """The first record: 99.439 over 20 seeds, an 11.4th of the usual version's seconds."""
    first, *_ = records.table().rows
    assert first[3] == "99.439 ± 0.035" and first[6:8] == ["8.6", "11.4"]
