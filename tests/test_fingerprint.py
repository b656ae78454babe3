"""A recorded run is known to be stale by what the code gives, not by how it is written."""

import dataclasses

import pytest
import torch

from utils import augmentation, recipes
from utils.lab import results
from utils.lab.fingerprint import agree, fingerprint


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_the_code_still_gives_what_was_recorded(name):
    runs = results.reported(name)
    if runs[0]["versions"]["torch"] != torch.__version__.split("+")[0]:
        pytest.skip("another torch may draw other numbers")
    now = fingerprint(recipes.get(name))
    stale = [run["seed"] for run in runs if not agree(run["fingerprint"], now)]
    assert not stale, f"delete and repeat: python -m utils.lab run {name}, seeds {stale}"


@pytest.mark.parametrize(
    "change", [{"dropout": 0.11}, {"lr": 0.202}, {"momentum": 0.91}, {"schedule": "constant"}]
)
def test_a_changed_recipe_changes_the_fingerprint(change):
    recipe = recipes.LR_SCHEDULE
    assert not agree(fingerprint(recipe), fingerprint(dataclasses.replace(recipe, **change)))


def test_changed_code_changes_the_fingerprint(monkeypatch):
    before = fingerprint(recipes.AUGMENTATION)
    original = augmentation.build
    monkeypatch.setattr(augmentation, "build", lambda name: _weaker(original(name)))
    assert not agree(before, fingerprint(recipes.AUGMENTATION))


def _weaker(policy):
    policy.transforms[0].limit = (-5, 5)
    return policy


def test_rounding_does_not_change_it_nor_it_the_random_stream():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    try:
        torch.set_num_threads(1)
        one = fingerprint(recipes.LR_SCHEDULE)
        torch.set_num_threads(2)
        assert agree(one, fingerprint(recipes.LR_SCHEDULE))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)
