"""What the notebooks' common cells call, so that no two notebooks repeat more than a call.

Under pytest a notebook runs in smoke size (a small subset, two epochs); ``NOTEBOOK_SIZE=smoke``
does the same by hand. Everything else runs in full.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from utils import data, recipes, training
from utils.lab.report import designs, readme
from utils.lab.report.intervals import estimate, mean_std, reaches
from utils.lab.runs import results
from utils.lab.timing import recorded as timings
from utils.recipes import PUBLISHED, TARGETS, Recipe
from utils.support.files import write_json
from utils.support.lookup import look_up
from utils.support.tables import Table
from utils.training import History


def is_smoke() -> bool:
    size = os.environ.get("NOTEBOOK_SIZE", "full")
    return look_up("NOTEBOOK_SIZE", size, {"smoke": True, "full": False})


@dataclass
class NotebookRun(recipes.Setup):
    """A run's pieces, and the images it uses."""

    images: data.ImageSet | None = None


def prepare(recipe: Recipe, images: data.ImageSet, seed: int = 0) -> NotebookRun:
    """Everything one run needs, in full size or, under pytest, in smoke size."""
    if is_smoke():
        recipe, images = recipes.smoke(recipe), recipes.smoke_images(images)
    setup = recipes.prepare(recipe, images, seed)
    print(
        f"{images.name}: {len(images.train_images):,} images to train, "
        f"{len(images.test_images):,} to test, batches of {recipe.batch_size}, "
        f"{recipe.epochs} epochs, seed {seed}, on {training.default_device().type}"
    )
    return NotebookRun(**vars(setup), images=images)


def recorded(recipe: Recipe) -> Table:
    """The recorded seeds of this step and of the step before it, beside the published figure."""
    steps = [step for step in (recipes.previous(recipe), recipe) if step is not None]
    rows = []
    for step in steps:
        last, best = results.last_accuracies(step.name), results.best_accuracies(step.name)
        published = PUBLISHED[step.name]
        rows.append(
            [
                f"{step.name[:2]} {step.title}",
                mean_std(estimate(last)),
                ", ".join(f"{value:.2f}" for value in last),
                f"{estimate(best).mean:.2f} ({max(best):.2f})",
                f"{published.test:.2f} ({published.source})",
            ]
        )
    columns = [
        "step",
        "test, last epoch",
        "seeds 0 to 4",
        "best epoch: mean (highest)",
        "published",
    ]
    return Table(columns, rows)


def facts(recipe: Recipe) -> Table:
    """What the analysis rests on: the recorded seeds of this step and of the step before it."""
    steps = [step for step in (recipes.previous(recipe), recipe) if step is not None]
    columns = [_facts_of(step) for step in steps]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return Table(["mean over 5 seeds", *(f"step {step.name[:2]}" for step in steps)], rows)


def _facts_of(recipe: Recipe) -> dict[str, str]:
    runs = results.reported(recipe.name)
    histories = [results.history_of(run) for run in runs]
    late = np.array([history.test_accuracy[-5:] for history in histories])
    test = np.array([history.test_accuracy for history in histories])
    train = np.mean([history.train_accuracy[-1] for history in histories])
    clean = np.mean([run["train_accuracy_clean"] for run in runs])
    found = {
        "train accuracy while training, last epoch (%)": f"{train:.2f}",
        "train accuracy afterwards, plain images (%)": f"{clean:.2f}",
        "test accuracy, last epoch (%)": f"{test[:, -1].mean():.2f}",
        "train afterwards less test (points)": f"{clean - test[:, -1].mean():+.2f}",
        "test accuracy after 3 epochs (%)": f"{test[:, 2].mean():.2f}",
        "swing of the last 5 epochs (std, points)": f"{late.std(1, ddof=1).mean():.3f}",
        "worst of the last 5 epochs, any seed (%)": f"{late.min():.2f}",
        "epochs of the last 5 at 99.40 % or more": f"{(late >= 99.4).sum(1).mean():.1f}",
        "best epoch less last epoch (points)": f"{(test.max(1) - test[:, -1]).mean():.2f}",
        "seconds per epoch, one thread": f"{timings.seconds_of(recipe):.1f}",
    }
    for a, b in designs.NAMED_PAIRS:
        confused = [designs.confused(run, a, b) for run in runs]
        found[f"mistakes between {a} and {b}, of 10,000"] = f"{np.mean(confused):.1f}"
    return found


def gain(recipe: Recipe) -> str:
    """What this step brought over the one before, paired by seed, in one sentence."""
    before = recipes.previous(recipe)
    if before is None:
        raise ValueError(f"{recipe.name} is the first step: there is none before it")
    return (
        f"Step {recipe.name[:2]} less step {before.name[:2]}, in points, paired over "
        f"{len(results.SEEDS)} seeds: {readme.difference(before, recipe)}"
    )


def verdict(recipe: Recipe) -> str:
    """The recorded mean against the step's target, in one sentence."""
    mean, target = estimate(results.last_accuracies(recipe.name)).mean, TARGETS[recipe.name]
    word = "Reached" if reaches(mean, target) else f"Missed by {target - mean:.3f}"
    return f"Target: a mean of at least {target:.2f} over 5 seeds. Recorded: {mean:.3f}. {word}."


def this_run(recipe: Recipe, run: NotebookRun, history: History) -> Table:
    """The run just made beside the recorded seeds and, where there is one, the published figure.

    In full size on MNIST it raises ``AssertionError`` where the last accuracy lies below the
    step's target by more than three standard deviations of the recorded seeds.
    """
    _leave_outcome(recipe, run, history)
    last, published = history.test_accuracy[-1], PUBLISHED.get(recipe.name)
    found, best = (
        estimate(read(recipe.name)) for read in (results.last_accuracies, results.best_accuracies)
    )
    if recipe.name in TARGETS and run.images.is_mnist and not is_smoke():
        least = TARGETS[recipe.name] - 3 * found.std
        assert last >= least, f"{last:.2f} is below {least:.2f}, the target less 3 deviations"
    train = f"{history.train_accuracy[-1]:.2f}"
    rows = [
        ["train accuracy, last epoch", train, "", (published and published.train) or "not said"],
        ["test accuracy, last epoch", f"{last:.2f}", mean_std(found), ""],
        [
            "test accuracy, best epoch",
            f"{max(history.test_accuracy):.2f}",
            mean_std(best),
            published and published.test,
        ],
        ["seconds per epoch", f"{np.mean(history.seconds):.1f}", "", ""],
    ]
    columns = ["", f"this run ({run.images.name})", "recorded seeds (MNIST)"]
    if published is None:
        return Table(columns, [row[:-1] for row in rows])
    return Table([*columns, f"published ({published.source})"], rows)


def clock(recipe: Recipe, history: History) -> str:
    """What a run took and did, in one sentence."""
    images = len(history) * history.train_samples
    steps = len(history) * -(-history.train_samples // recipe.batch_size)
    device = training.default_device()
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    return (
        f"{sum(history.seconds):.1f} seconds of training ({device.type}{threads}) for "
        f"{steps:,} steps and {images:,} images: {history.test_accuracy[-1]:.2f} % of the test set"
    )


def _leave_outcome(recipe: Recipe, run: NotebookRun, history: History) -> None:
    """Write what ``python -m utils.lab notebooks`` prints, when that started this notebook."""
    if folder := os.environ.get("NOTEBOOK_RESULTS"):
        outcome = {
            "data": run.images.name,
            "last": history.test_accuracy[-1],
            "best": max(history.test_accuracy),
            "train": history.train_accuracy[-1],
            "minutes": sum(history.seconds) / 60,
        }
        write_json(outcome, Path(folder) / f"{recipe.name}.json")
