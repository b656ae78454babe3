"""A recorded run made again: what is drawn, and what is said of it."""

import copy
import datetime

import pytest

from utils.experiments import catalogue
from utils.experiments.recorded import BadResult
from utils.experiments.steps import SKELETON
from utils.experiments.studies import DROPOUT
from utils.lab.runs import repeat, results


def test_the_week_draws_one_recorded_run(monkeypatch):
    class Day(datetime.date):
        @classmethod
        def today(cls):
            return cls(2026, 11, 23 + at)

    monkeypatch.setattr(datetime, "date", Day)
    found = []
    for at in (0, 6, 7):  # noqa: B007 Monday, Sunday, Monday
        found.append(repeat.drawn())
    assert found[0] == found[1] != found[2]
    recipe, seed = found[0]
    assert seed in results.recorded(recipe) and recipe.name in catalogue.EXPERIMENTS


def test_a_recipe_without_runs_is_not_drawn(monkeypatch):
    monkeypatch.setattr(repeat.catalogue, "reported", lambda: ["bytes_3k_3", "01_skeleton"])
    monkeypatch.setattr(repeat.random.Random, "choice", lambda draw, known: known[0])
    assert repeat.drawn() == (SKELETON, 0)


def test_a_run_can_be_named_and_an_unrecorded_seed_is_refused():
    assert repeat.drawn("01_skeleton", 3) == (SKELETON, 3)
    with pytest.raises(ValueError, match="01_skeleton has no recorded seed 99: choose one of"):
        repeat.drawn("01_skeleton", 99)


@pytest.fixture
def run():
    return copy.deepcopy(results.recorded(DROPOUT)[0])


def test_equal_counts_are_equal_whatever_the_machine(run):
    assert repeat.verdict(run, run | {"processor": {"model": "1"}, "seconds": 1.0}) == "equal"


def again(run, less=0.1, **changes):
    counts = [n - 1 for n in run["history"]["test_correct"]]
    history = run["history"] | {"test_correct": counts}
    return run | {
        "history": history,
        "test_accuracy_last": run["test_accuracy_last"] - less,
        **changes,
    }


def test_other_counts_are_rounding_only_elsewhere_and_only_if_near(run):
    ends = f"{run['test_accuracy_last']:.2f} was recorded, {run['test_accuracy_last'] - 0.1:.2f}"
    other = {"processor": run["processor"] | {"instructions": "AVX2"}}
    assert repeat.verdict(run, again(run, **other)).startswith(
        "rounds otherwise (another processor"
    )
    assert f"{ends} came out" in repeat.verdict(run, again(run, **other))
    assert repeat.verdict(run, again(run)).startswith("different: ")
    assert repeat.verdict(run, again(run, less=0.4, **other)).startswith("different: ")
    run.pop("processor")  # an older record does not say
    later = again(run, processor={"model": "1"})
    assert repeat.verdict(run, later).startswith("rounds otherwise")


def test_how_near_is_near_is_the_recipes_own_scatter(run, monkeypatch):
    runs = {seed: run | {"test_accuracy_last": end} for seed, end in enumerate((99.3, 99.4, 99.5))}
    monkeypatch.setattr(results, "recorded", lambda recipe: runs)
    assert repeat.near(DROPOUT) == pytest.approx(3 * 2**0.5 * 0.1)
    monkeypatch.setattr(results, "recorded", lambda recipe: {0: run})
    assert repeat.near(DROPOUT) == repeat.NEAR
    other = again(run, processor=run["processor"] | {"instructions": "AVX2"})
    assert repeat.verdict(run, other, 0.05).startswith("different: ")


def test_runs_of_other_seeds_are_not_compared(run):
    with pytest.raises(BadResult, match="seed: 0 was recorded, 1 is compared"):
        repeat.verdict(run, run | {"seed": 1})


def test_the_run_is_trained_as_it_was_recorded(run, monkeypatch):
    asked = []
    monkeypatch.setattr(results, "recorded", lambda recipe: {0: run})
    monkeypatch.setattr(repeat, "images_of", lambda kind: kind)
    monkeypatch.setattr(repeat.one, "run", lambda *what: asked.append(what) or run)
    monkeypatch.setattr(repeat.audit, "of_another_run", lambda *_: "")
    assert repeat.repeat(DROPOUT, 0) == "study_dropout seed 0: equal"
    assert asked == [(DROPOUT, 0, "mnist", "cpu")]
    monkeypatch.setattr(repeat.audit, "of_another_run", lambda *_: "its network is another's")
    assert repeat.repeat(DROPOUT, 0) == "study_dropout seed 0: different, its network is another's"
    assert len(asked) == 1, "then nothing is trained"
