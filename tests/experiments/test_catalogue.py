"""The experiments differ in what their titles say, and in nothing else."""

from itertools import pairwise

import pytest

from utils import models
from utils.experiments import catalogue
from utils.experiments.frontier import FRONTIER, LONG
from utils.experiments.published import COMMONS, DESIGN_A, DESIGN_E2, DESIGNS
from utils.experiments.robust import ROBUST
from utils.experiments.speed import FASTEST, SPEED
from utils.experiments.steps import LR_SCHEDULE, REGULARIZATION, SKELETON, STEPS, previous
from utils.experiments.studies import (
    AUGMENTED_A,
    BATCH_256,
    BATCH_NORM,
    DROPOUT,
    NOT_AUGMENTED,
    ONE_CYCLE,
    SCHEDULES,
    STOCK_ENGINE,
)
from utils.recipes import build_model, difference, recipe_hash

# What each step's title allows it to change.
ALLOWED = {
    "02_regularization": {"batch_norm", "dropout"},
    "03_augmentation": {"augmentation"},
    "04_lr_scheduler": {"schedule", "lr"},
}
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
    "speed_upright": {"deskew"},
    "speedrun_hard": {"selection", "epochs"},
    "speedrun_again": {"epochs"},
    "speedrun_third": {"whitened", "activation"},
}


@pytest.mark.parametrize("recipe", STEPS[1:], ids=lambda recipe: recipe.name)
def test_a_step_changes_only_what_its_title_says(recipe):
    changed = difference(previous(recipe), recipe)
    assert changed.keys() == ALLOWED[recipe.name]


@pytest.mark.parametrize("batched", STOCK_ENGINE, ids=lambda recipe: recipe.name)
def test_the_stock_engine_is_the_one_change(batched):
    found = difference(batched, STOCK_ENGINE[batched])
    assert found == {"engine": ("batched", "albumentations")}


def test_the_first_step_has_none_before_it():
    assert previous(SKELETON) is None
    with pytest.raises(ValueError, match="design_a is none of the steps 01_skeleton"):
        previous(DESIGN_A)


@pytest.mark.parametrize("recipe", STEPS, ids=lambda recipe: recipe.name)
def test_a_step_has_the_published_number_of_parameters(recipe):
    found = models.count_parameters(build_model(recipe))
    assert found == catalogue.get(recipe.name).published.parameters


def test_every_change_on_the_way_to_the_record_is_one_idea():
    found = {after.name: set(difference(before, after)) for before, after in pairwise(SPEED)}
    assert found == SPEED_FIELDS and SPEED[0] is DESIGN_A


def test_the_record_stays_within_its_size():
    assert models.count_parameters(build_model(FASTEST)) <= 20_000


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
        (BATCH_NORM, SKELETON, {"batch_norm"}),
        (DROPOUT, SKELETON, {"dropout"}),
        (ONE_CYCLE, REGULARIZATION, {"schedule", "lr"}),
        (AUGMENTED_A, DESIGN_A, {"augmentation"}),
        (ROBUST, FRONTIER[10_000], {"augmentation", "epochs", "deskew", "standardize"}),
        *((LONG[limit], FRONTIER[limit], {"epochs"}) for limit in LONG),
        *(
            (study, COMMONS[letter], {"augmentation"})
            for study, letter in zip(NOT_AUGMENTED, ("c2", "d", "e2"), strict=True)
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_study_changes_what_it_says(study, base, changed):
    assert difference(base, study).keys() == changed


@pytest.mark.parametrize("limit", FRONTIER)
def test_a_network_of_the_frontier_keeps_within_its_limit(limit):
    recipe = FRONTIER[limit]
    assert 0.9 * limit < models.count_parameters(build_model(recipe)) < limit
    assert recipe.epochs <= 20


def test_a_robust_network_has_at_most_10_000_parameters():
    assert models.count_parameters(build_model(ROBUST)) <= 10_000


def test_names_and_recipes_are_unique_and_each_step_has_a_target():
    listed = sum(len(module.EXPERIMENTS) for module in catalogue.MODULES)
    assert listed == len(catalogue.EXPERIMENTS), "two recipes of one name"
    hashes = {recipe_hash(e.recipe) for e in catalogue.EXPERIMENTS.values()}
    assert len(hashes) == len(catalogue.EXPERIMENTS)
    published = {name for name, e in catalogue.EXPERIMENTS.items() if e.published}
    assert published == {recipe.name for recipe in (*STEPS, *DESIGNS)}
    assert all(catalogue.get(recipe.name).target for recipe in STEPS)


def test_the_published_figures_are_those_of_the_texts():
    """Parameters and test accuracy of every stage, as the five texts print them."""
    published = [e.published for e in catalogue.EXPERIMENTS.values() if e.published]
    assert {p.source: (p.parameters, p.test) for p in published} == {
        "A": (4838, 99.42), "B1": (9264, 98.76), "B2": (9436, 99.42), "B3": (9436, 99.41),
        "B4": (9436, 99.53), "C1": (16530, 99.15), "C2": (3762, 99.19), "C3": (3762, 99.43),
        "D": (14320, 99.45), "E1": (5300, 98.82), "E2": (7496, 99.43), "E3": (7496, 99.53),
    }  # fmt: skip


def test_a_renamed_recipe_keeps_its_hash_and_a_changed_one_does_not():
    assert recipe_hash(SKELETON.variant("other", "other")) == recipe_hash(SKELETON)
    assert recipe_hash(SKELETON.variant(lr=0.1)) != recipe_hash(SKELETON)
