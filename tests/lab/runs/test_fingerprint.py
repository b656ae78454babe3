"""A recorded run is known to be stale by what the code gives, not by how it is written."""

import dataclasses

import pytest
import torch

from utils import augmentation, recipes, schedules
from utils.experiments import catalogue
from utils.experiments.published import COMMONS, DESIGN_C3, DESIGN_E2
from utils.experiments.steps import AUGMENTATION, LR_SCHEDULE, STEPS
from utils.lab.runs import results
from utils.lab.runs.fingerprint import agree, fingerprint
from utils.run import prepare


@pytest.mark.parametrize("name", catalogue.EXPERIMENTS)
def test_the_code_still_gives_what_was_recorded(name):
    """``results.read`` raises where it does not."""
    for run in results.recorded(catalogue.recipe(name)).values():
        assert len(run["fingerprint"]) == len(fingerprint(catalogue.recipe(name)))


CHANGES = ({"lr": 1.01}, {"momentum": 0.99}, {"max_grad_norm": 0.95}, {"dropout": 1.1})


@pytest.mark.parametrize("recipe", STEPS, ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_changed_recipe_changes_the_fingerprint(recipe, change):
    changed = {name: getattr(recipe, name) * factor for name, factor in change.items()}
    if recipe.dropout == 0 and "dropout" in changed:
        changed = {"dropout": 0.01}
    assert not agree(fingerprint(recipe), fingerprint(dataclasses.replace(recipe, **changed)))


def test_another_schedule_changes_the_fingerprint():
    recipe = LR_SCHEDULE
    other = dataclasses.replace(recipe, schedule="exponential")
    assert not agree(fingerprint(recipe), fingerprint(other))


@pytest.mark.parametrize(
    ("module", "name", "options"),
    [
        (torch.nn, "BatchNorm2d", {"momentum": 0.05}),
        (torch.optim.lr_scheduler, "OneCycleLR", {"final_div_factor": 100}),
        (torch.optim.lr_scheduler, "OneCycleLR", {"pct_start": 0.25}),
    ],
    ids=str,
)
def test_a_changed_default_changes_the_fingerprint(monkeypatch, module, name, options):
    before = fingerprint(LR_SCHEDULE)
    original = getattr(module, name)
    place = schedules if name == "OneCycleLR" else module

    def other(*arguments, **given):
        return original(*arguments, **given | options)

    monkeypatch.setattr(place, name, other)
    assert not agree(before, fingerprint.__wrapped__(LR_SCHEDULE))


def test_changed_code_changes_the_fingerprint(monkeypatch):
    before = fingerprint(AUGMENTATION)
    original = augmentation.build
    monkeypatch.setattr(augmentation, "build", lambda name: _weaker(original(name)))
    assert not agree(before, fingerprint.__wrapped__(AUGMENTATION))


@pytest.mark.parametrize("recipe", [DESIGN_E2, DESIGN_C3, COMMONS["a"]])
def test_another_order_of_sums_does_not_change_the_fingerprint(monkeypatch, recipe):
    """Memory laid out otherwise rounds otherwise: in single precision by up to 10 % in the end."""
    before = fingerprint(recipe)
    prepare = prepare

    def otherwise(*arguments):
        setup = prepare(*arguments)
        setup.model.to(memory_format=torch.channels_last)
        return setup

    monkeypatch.setattr(recipes, "prepare", otherwise)
    after = fingerprint.__wrapped__(recipe)
    assert after != before
    assert max(abs(a / b - 1) for a, b in zip(after, before, strict=True)) < 1e-6


def _weaker(policy):
    policy.transforms[0].limit = (-5, 5)
    return policy


def test_it_depends_on_no_thread_count_and_leaves_threads_and_stream_alone():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    try:
        torch.set_num_threads(2)
        two = fingerprint.__wrapped__(LR_SCHEDULE)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert fingerprint.__wrapped__(LR_SCHEDULE) == two
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)
