"""All experiments by name. A new one is added to a list in one of the modules beside this one."""

from __future__ import annotations

from utils.experiments import (
    few_bytes,
    frontier,
    published,
    robust,
    second_freeze,
    speed,
    steps,
    studies,
)
from utils.experiments.experiment import Experiment
from utils.recipes import Recipe
from utils.support.lookup import look_up

MODULES = (steps, published, studies, speed, frontier, second_freeze, few_bytes, robust)
EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment for module in MODULES for experiment in module.EXPERIMENTS
}


def reported() -> list[str]:
    """The names of the experiments that tables show: all but drafts."""
    return [name for name, known in EXPERIMENTS.items() if not known.draft]


def get(name: str) -> Experiment:
    """The experiment called ``name``; ``ValueError`` with the nearest name for an unknown one."""
    return look_up("recipe", name, EXPERIMENTS)


def recipe(name: str) -> Recipe:
    """The recipe of the experiment called ``name``."""
    return get(name).recipe
