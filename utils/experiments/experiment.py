"""What is known of an experiment before it is run."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from utils.recipes import Recipe
from utils.support.files import read_json
from utils.support.lookup import look_up
from utils.support.paths import ASSETS

TEXTS = ASSETS / "published.json"


@dataclass(frozen=True)
class Published:
    """What a published text says of one stage: one run, the test set watched every epoch.

    Accuracies are in per cent. ``protocol`` says which epoch's accuracy ``test`` is, in words;
    ``epoch`` is ``"best"`` or ``"last"``, ``None`` where the text does not say; ``train`` is
    ``None`` where it does not say that. ``source`` is the stage, such as ``"B2"``.
    """

    parameters: int
    train: float | None
    test: float
    source: str
    protocol: str
    epoch: str | None = None


@functools.cache
def texts() -> tuple[dict, ...]:
    """Everything in assets/published.json: single runs of this size that others have published.

    Those with a ``stage`` are the designs that this course trains. ``doubt`` says why a figure
    cannot stand beside the others.
    """
    return tuple(read_json(TEXTS))


def stage(name: str) -> Published:
    """What the text of the stage called ``name`` says."""
    found = look_up("published stage", name, {t["stage"]: t for t in texts() if "stage" in t})
    which = found["parameters"], found.get("train"), found["accuracy"], name
    return Published(*which, found["protocol"], found.get("epoch"))


@dataclass(frozen=True)
class Experiment:
    """A recipe and all that the tables need to know of it.

    ``target``: the mean test accuracy over seeds, in the last epoch, that the course aims at.
    ``seeds``: how many recorded runs, from seed ``first`` on, a table asks for. ``tries``: how many
    recipes were tested for that target, this one included; a claim is held to its level divided
    by them. ``evidence``: files and folders in assets/ that decided the recipe, besides its own
    validation runs. ``timed``: whether the seconds of an epoch are measured. A ``draft`` is judged
    on validation only.
    """

    recipe: Recipe
    published: Published | None = None
    target: float | None = None
    seeds: int = 3
    first: int = 0
    tries: int = 1
    evidence: tuple[str, ...] = ()
    timed: bool = False
    draft: bool = False

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def asked(self) -> range:
        """The seeds that tables report."""
        return range(self.first, self.first + self.seeds)
