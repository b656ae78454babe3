"""One change per step, by test."""

import dataclasses
from itertools import pairwise

import pytest
import torch

from utils import augmentation, loaders, models
from utils.experiments import catalogue
from utils.experiments.frontier import FRONTIER, LONG
from utils.experiments.published import COMMONS, DESIGN_A, DESIGN_E2, DESIGNS
from utils.experiments.speed import SPEED, SPEEDRUN
from utils.experiments.steps import (
    AUGMENTATION,
    LR_SCHEDULE,
    REGULARIZATION,
    SKELETON,
    STEPS,
    previous,
)
from utils.experiments.studies import BATCH_256, NOT_AUGMENTED, SCHEDULES, STOCK_ENGINE
from utils.lab.runs import grid, results
from utils.recipes import Recipe, build_model, difference
from utils.run import prepare

# What each step's title allows it to change, and nothing else.
ALLOWED = {
    "02_regularization": {"batch_norm", "dropout"},
    "03_augmentation": {"augmentation"},
    "04_lr_scheduler": {"schedule", "lr"},
}


@pytest.mark.parametrize("recipe", STEPS[1:], ids=lambda recipe: recipe.name)
def test_a_step_changes_only_what_its_title_says(recipe):
    changed = difference(previous(recipe), recipe)
    assert changed.keys() == ALLOWED[recipe.name]
    assert all(before != after for before, after in changed.values())


@pytest.mark.parametrize("batched", STOCK_ENGINE, ids=lambda recipe: recipe.name)
def test_the_stock_engine_is_the_one_change(batched):
    found = difference(batched, STOCK_ENGINE[batched])
    assert found == {"engine": ("batched", "albumentations")}


def test_the_first_step_has_none_before_it():
    assert previous(SKELETON) is None


@pytest.mark.parametrize("recipe", STEPS, ids=lambda recipe: recipe.name)
def test_a_step_has_the_published_number_of_parameters(recipe):
    found = models.count_parameters(build_model(recipe))
    assert found == catalogue.get(recipe.name).published.parameters


OTHER_VALUES = {
    "batch_norm": False,
    "dropout": 0.2,
    "deskew": True,
    "augmentation": None,
    "engine": "albumentations",
    "batch_size": 64,
    "epochs": 2,
    "lr": 0.01,
    "momentum": 0.5,
    "max_grad_norm": 0.01,
    "model": "squeeze_7k",
    "optimizer": "adam",
    "label_smoothing": 0.1,
    "schedule": "one_cycle",
    "stages": "4/8",
    "head": "position",
    "unpadded": True,
    "bias": True,
    "activation": "silu",
    "teacher": "speedrun",
}
PLAIN = ("stages", "head", "unpadded", "bias", "activation")  # of that model only


def test_a_recipes_settings_are_all_its_fields_but_name_and_title():
    fields = {field.name for field in dataclasses.fields(Recipe)}
    assert SKELETON.settings().keys() == fields - {"name", "title"}
    # An average changes what is evaluated, not the losses that are compared below; the layout in
    # memory changes neither.
    assert OTHER_VALUES.keys() == fields - {"name", "title", "ema", "channels_last"}


@pytest.mark.parametrize("setting", OTHER_VALUES)
def test_every_setting_decides_something(digits, setting):
    """Changing any one of them changes the losses of a short run, or their number."""
    few = digits.subset(640, 100)
    plain = {"model": "plain", "stages": "4/6", "head": "mean"} if setting in PLAIN else {}
    base = STEP(AUGMENTATION, "base", "base", epochs=1, **plain)
    other = STEP(base, "other", "other", **{setting: OTHER_VALUES[setting]})
    assert difference(base, other).keys() == {setting}
    first, second = (
        prepare(recipe, few, 0, "cpu").fit(verbose=False).train_loss for recipe in (base, other)
    )
    assert first != second


def test_a_teacher_is_trained_first_on_the_same_images(digits):
    few = digits.subset(300, 100)
    taught = STEP(SKELETON, "x", "x", epochs=1, teacher="speedrun")
    loader = prepare(taught, few, 3, "cpu").train_loader
    alone = prepare(SPEEDRUN, few, 3, "cpu")
    alone.fit(verbose=False)
    plain = prepare(SKELETON, few, 3, "cpu").train_loader
    for (x, y, logits), (u, v) in zip(loader, plain, strict=True):
        assert torch.equal(x, u) and torch.equal(y, v) and not logits.requires_grad
        with torch.no_grad():
            torch.testing.assert_close(logits, alone.network.eval()(x))


def test_a_teacher_is_known_and_has_none_itself(monkeypatch):
    teacher = STEP(SPEEDRUN, "second", "x", teacher="speedrun")
    monkeypatch.setitem(catalogue.EXPERIMENTS, "second", teacher)
    with pytest.raises(ValueError, match="second has a teacher itself"):
        STEP(SKELETON, "x", "x", teacher="second")
    draft = STEP(SPEEDRUN, "draft", "x", lr=0.05)
    monkeypatch.setitem(DRAFTS, "draft", draft)
    for unknown in ("nobody", "draft"):  # a draft may still change
        with pytest.raises(ValueError, match=f"no teacher is called '{unknown}'"):
            STEP(SKELETON, "x", "x", teacher=unknown)


def test_the_layout_in_memory_changes_nothing_but_speed(digits):
    few = digits.subset(256, 64)
    base = STEP(SPEEDRUN, "base", "base", epochs=1, channels_last=False)
    setups = [
        prepare(STEP(base, "x", "x", channels_last=last), few, 0, "cpu") for last in (False, True)
    ]
    kernels = [
        next(w for w in setup.model.parameters() if w.ndim == 4 and len(w[0]) > 1)
        for setup in setups
    ]
    assert not kernels[0].is_contiguous(memory_format=torch.channels_last)
    assert kernels[1].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(*kernels)
    losses = [setup.fit(verbose=False).train_loss[0] for setup in setups]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


# What each change on the way to the record may touch.
SPEED_FIELDS = {
    "speed_network": {"model", "stages", "head", "unpadded", "dropout"},
    "speed_layout": {"channels_last"},
    "speed_batch": {"batch_size"},
    "speed_augmentation": {"augmentation"},
    "speed_adam": {"optimizer", "lr"},
    "speed_average": {"ema"},
    "speed_smoothing": {"label_smoothing"},
    "speedrun": {"epochs"},
}


def test_every_change_on_the_way_to_the_record_is_one_idea():
    found = {after.name: set(difference(before, after)) for before, after in pairwise(SPEED)}
    assert found == SPEED_FIELDS and SPEED[0] is DESIGN_A


def test_the_record_stays_within_its_size():
    assert models.count_parameters(build_model(SPEEDRUN)) <= 20_000


def test_names_are_unique_and_each_step_has_a_target():
    assert all(recipe.name == name for name, recipe in catalogue.EXPERIMENTS.items())
    names = {recipe.name for recipe in STEPS}
    designs = {recipe.name for recipe in DESIGNS}
    assert names | designs == PUBLISHED.keys()
    assert names <= TARGETS.keys() <= catalogue.EXPERIMENTS.keys()


def test_a_recipe_becomes_the_pieces_it_names(digits):
    setup = prepare(AUGMENTATION, digits, 0, "cpu")
    assert setup.optimizer.param_groups[0]["lr"] == AUGMENTATION.lr
    assert setup.optimizer.param_groups[0]["momentum"] == 0.9
    assert isinstance(setup.train_loader.augment, augmentation.BatchedPolicy)
    assert setup.train_loader.batch_size == 128 and setup.train_loader.shuffle
    assert setup.test_loader.augment is None and not setup.test_loader.shuffle
    stock = prepare(STOCK_ENGINE[AUGMENTATION], digits, 0, "cpu")
    assert isinstance(stock.train_loader, torch.utils.data.DataLoader)
    plain = prepare(REGULARIZATION, digits, 0, "cpu")
    assert (
        isinstance(plain.train_loader, loaders.MemoryLoader) and plain.train_loader.augment is None
    )


def test_the_same_seed_shares_its_weights_and_order_across_steps(digits):
    """What pairs two recipes: at one seed they see the images in the same order."""
    setups = [
        prepare(recipe, digits.subset(1000, 100), 5, "cpu")
        for recipe in (REGULARIZATION, *next(iter(STOCK_ENGINE.items())))
    ]
    first, *others = [setup.model.state_dict() for setup in setups]
    assert all(torch.equal(first[name], other[name]) for other in others for name in first)
    for _ in range(2):
        first, *others = [torch.cat([y for _, y in setup.train_loader]) for setup in setups]
        assert all(torch.equal(first, other) for other in others)


def test_an_unknown_recipe_suggests_the_nearest():
    with pytest.raises(ValueError, match="did you mean '03_augmentation'"):
        catalogue.recipe("03_augmentatoin")


@pytest.mark.parametrize("common", COMMONS.values(), ids=lambda recipe: recipe.name)
def test_the_common_recipe_is_common_but_for_the_network(common):
    first = COMMONS["a"]
    assert difference(first, common).keys() <= {"model", "batch_norm", "dropout"}


@pytest.mark.parametrize(
    ("study", "base", "changed"),
    [
        *((study, DESIGN_E2, {"schedule"}) for study in SCHEDULES),
        (BATCH_256, LR_SCHEDULE, {"batch_size"}),
        *((LONG[limit], FRONTIER[limit], {"epochs"}) for limit in LONG),
        *(
            (study, COMMONS[letter], {"augmentation"})
            for study, letter in zip(NOT_AUGMENTED, ("c2", "d", "e2"), strict=True)
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_study_changes_one_thing(study, base, changed):
    assert difference(base, study).keys() == changed


@pytest.mark.parametrize("limit", FRONTIER)
def test_a_network_of_the_frontier_keeps_within_its_limit(limit):
    recipe = FRONTIER[limit]
    assert 0.9 * limit < models.count_parameters(build_model(recipe)) < limit
    assert recipe.epochs <= 20


def test_a_draft_is_found_by_name_and_not_recorded(monkeypatch):
    assert not DRAFTS.keys() & catalogue.EXPERIMENTS.keys()
    for name in DRAFTS:
        assert not (results.FOLDER / name).exists(), "a draft has seen the test set"
    draft = STEP(SPEEDRUN, "draft", "x", lr=0.05)
    monkeypatch.setitem(DRAFTS, "draft", draft)
    assert catalogue.recipe("draft") is draft
    with pytest.raises(ValueError, match="a draft is judged on validation only"):
        grid.run(["draft"], [0])
