"""What is known of an experiment before it is run."""

from __future__ import annotations

from dataclasses import dataclass

from utils.recipes import Recipe


@dataclass(frozen=True)
class Published:
    """What a published text says of one stage: one run, the test set watched every epoch.

    Accuracies are in per cent. ``protocol`` says which epoch's accuracy ``test`` is; ``train`` is
    ``None`` where the text does not say it.
    """

    parameters: int
    train: float | None
    test: float
    source: str
    protocol: str


@dataclass(frozen=True)
class Experiment:
    """A recipe and all that the tables need to know of it.

    ``target``: the mean test accuracy over seeds, in the last epoch, that the course aims at.
    ``seeds``: how many recorded runs, from seed 0, a table asks for. ``timed``: whether the
    seconds of an epoch are measured. A ``draft`` is judged on validation only.
    """

    recipe: Recipe
    published: Published | None = None
    target: float | None = None
    seeds: int = 3
    timed: bool = False
    draft: bool = False

    @property
    def name(self) -> str:
        return self.recipe.name
