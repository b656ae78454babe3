"""A recipe: its settings, its variants, and what it refuses."""

import dataclasses

import pytest

from utils.experiments.steps import AUGMENTATION, SKELETON
from utils.pieces import prepare
from utils.recipes import STAGED, Recipe, difference, in_words

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
    "selection": 0.5,
    "at_random": True,
    "levels": 7,
    "standardize": True,
    "whitened": True,
}


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
    plain = {"model": "plain", "stages": "4/6", "head": "mean"} if setting in STAGED else {}
    chosen = {"epochs": 2} if setting in ("selection", "at_random") else {"epochs": 1}
    chosen |= {"selection": 0.5} if setting == "at_random" else {}
    base = AUGMENTATION.variant(**chosen, **plain)
    other = base.variant(**{setting: OTHER_VALUES[setting]})
    assert difference(base, other).keys() == {setting}
    first, second = (
        prepare(recipe, few, 0, "cpu").fit(verbose=False).train_loss for recipe in (base, other)
    )
    assert first != second


def test_a_variant_is_named_and_titled_by_what_it_changes():
    other = SKELETON.variant(dropout=0.1)
    assert (other.name, other.title) == ("01_skeleton_variant", "Skeleton, dropout: 0 → 0.1")
    assert difference(SKELETON, other) == {"dropout": (0.0, 0.1)}
    assert other.variant(lr=0.1).name == "01_skeleton_variant"
    own = SKELETON.variant("mine", "Mine", dropout=0.1)
    assert (own.name, own.title) == ("mine", "Mine") and own.settings() == other.settings()
    assert SKELETON.variant(name="mine", title="Mine", dropout=0.1) == own


def test_changes_read_as_a_person_would_write_them():
    changes = {"lr": (0.05, 1.0), "batch_norm": (False, True), "augmentation": (None, "affine")}
    expected = "lr: 0.05 → 1, batch_norm: no → yes, augmentation: none → affine"
    assert in_words(changes) == expected


def test_one_and_one_point_zero_are_one_setting():
    assert SKELETON.variant(lr=1).settings() == SKELETON.variant(lr=1.0).settings()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../x"}, "name='../x' is not made of letters, digits and _ . - alone"),
        ({"model": "skelton"}, "no model is called 'skelton'"),
        ({"schedule": "cosine"}, "no schedule is called 'cosine'"),
        ({"optimizer": "adan"}, "no optimizer is called 'adan'"),
        ({"engine": "turbo"}, "no engine is called 'turbo'"),
        ({"augmentation": "blur"}, "no policy is called 'blur'"),
        ({"batch_size": -1}, "batch_size=-1 is not a whole number of at least 1"),
        ({"epochs": 0}, "epochs=0 is not a whole number of at least 1"),
        ({"lr": 0.0}, "lr=0.0 is not within 0 < lr"),
        ({"lr": True}, "lr=True is not within 0 < lr"),
        ({"batch_norm": "no"}, "batch_norm='no' is neither True nor False"),
        ({"lr": float("nan")}, "lr=nan is not within 0 < lr"),
        ({"lr": "fast"}, "lr='fast' is not within 0 < lr < inf: it is a str, give an int or a fl"),
        ({"momentum": 1.0}, "momentum=1.0 is not within 0 <= momentum < 1"),
        ({"dropout": 1.0}, "dropout=1.0 is not within 0 <= dropout < 1"),
        ({"dropout": -0.1}, "dropout=-0.1 is not within 0 <= dropout < 1"),
        ({"max_grad_norm": -1.0}, "max_grad_norm=-1.0 is not within 0 < max_grad_norm"),
        ({"augmentation": "robust", "engine": "albumentations"}, "robust runs batched only"),
        ({"stages": "8-8"}, "stages: only the model 'plain' has such a setting"),
        ({"model": "plain", "stages": "4/6"}, "no head is called ''"),
        ({"model": "plain", "head": "mean"}, "'' is not like 16 or 16k5s2x2dr"),
    ],
    ids=str,
)
def test_a_recipe_that_cannot_be_is_refused_when_it_is_written(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SKELETON, **changes)
