"""Runs cut to seconds: for the tests of the notebooks, and for trying the machinery."""

from __future__ import annotations

import dataclasses
import os

from utils.data import ImageSet
from utils.recipes import Recipe
from utils.support.lookup import look_up

TRAIN, TEST, EPOCHS = 2000, 500, 2


def is_on() -> bool:
    """Whether the environment says NOTEBOOK_SIZE=smoke, as it does under pytest."""
    size = os.environ.get("NOTEBOOK_SIZE", "full")
    return look_up("NOTEBOOK_SIZE", size, {"smoke": True, "full": False})


def smaller(recipe: Recipe) -> Recipe:
    """``recipe`` with two epochs at most."""
    return dataclasses.replace(recipe, epochs=min(EPOCHS, recipe.epochs))


def fewer(images: ImageSet) -> ImageSet:
    """The part of ``images`` that a smoke run uses, stratified and always the same one."""
    train = min(TRAIN, len(images.train_labels))
    return images.subset(train, min(TEST, len(images.test_labels)))
