"""The published designs side by side, and the studies of what their texts claim in passing.

Every table reads the reported runs and nothing else; ``BadResult`` where one is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from statistics import mean

import numpy as np
from matplotlib.figure import Figure

from utils import models, receptive_field, schedules
from utils.experiments import catalogue
from utils.experiments.published import COMMON, COMMONS, DESIGN_E2, DESIGN_E3, DESIGNS
from utils.experiments.steps import AUGMENTATION, LR_SCHEDULE, REGULARIZATION, STEPS
from utils.experiments.studies import BATCH_256, NOT_AUGMENTED, SCHEDULES
from utils.lab.report import comparisons
from utils.lab.report.intervals import (
    Estimate,
    estimate,
    mean_std,
    paired_difference,
    reaches,
    signed,
)
from utils.lab.runs import results
from utils.lab.timing import recorded
from utils.recipes import Recipe, build_model, difference, formatted, in_words
from utils.support.tables import Table

NAMED_PAIRS = ((4, 9), (2, 5), (8, 9), (1, 7), (1, 2))  # confused, says B's analysis
ALL = tuple(
    sorted((*STEPS, *DESIGNS), key=lambda recipe: catalogue.get(recipe.name).published.source)
)


def label(recipe: Recipe) -> str:
    """The published system's letter, and where there are several its stage: ``E3``."""
    return catalogue.get(recipe.name).published.source


def common_of(recipe: Recipe) -> Recipe:
    """The recipe that trains the same network under the common settings."""
    network = (recipe.model, recipe.batch_norm)
    (found,) = (c for c in COMMONS.values() if (c.model, c.batch_norm) == network)
    return found


def confused(run: dict, a: int, b: int) -> int:
    """How many images of one of two digits a recorded run took for the other."""
    wrong = run["misclassified"]
    both = zip(wrong["labels"], wrong["predictions"], strict=True)
    return sum({true, taken} == {a, b} for true, taken in both)


def parameters(recipe: Recipe) -> int:
    return models.count_parameters(build_model(recipe))


# --------------------------------------------------------------------------- the designs


def networks() -> Table:
    """What every design is, and how it is trained under its own recipe."""
    columns = ["design", "network", "parameters", "receptive field", "million MACs"]
    columns += ["batch", "epochs", "optimizer", "learning rate", "gradient bound", "dropout"]
    columns += ["augmentation"]
    rows = []
    for recipe in ALL:
        model = build_model(recipe)
        rows.append(
            [
                label(recipe),
                f"`{recipe.model}`" + ("" if recipe.batch_norm else ", no batch norm"),
                f"{models.count_parameters(model):,}",
                receptive_field.final(model),
                f"{models.count_macs(model) / 1e6:.2f}",
                recipe.batch_size,
                recipe.epochs,
                recipe.optimizer,
                f"{recipe.schedule}, {recipe.lr:g}",
                formatted(recipe.max_grad_norm),
                formatted(recipe.dropout),
                formatted(recipe.augmentation),
            ]
        )
    return Table(columns, rows)


def common_recipe() -> Table:
    """What all networks share under the common recipe."""
    return Table(["setting", "value"], [[name, formatted(value)] for name, value in COMMON.items()])


def side_by_side() -> Table:
    """Every design: what was published, what its recipe gives here, and the common one."""
    columns = ["design", "parameters", "published", "its epoch"]
    columns += ["best epoch: mean (highest)", "last epoch", "last epoch, common recipe"]
    columns += ["seconds per epoch, own recipe"]
    return Table(columns, [_row(recipe) for recipe in ALL])


def _row(recipe: Recipe) -> list[str]:
    published, highest = catalogue.get(recipe.name).published, results.best_accuracies(recipe.name)
    return [
        f"{label(recipe)} {recipe.title if recipe in STEPS else f'`{recipe.model}`'}",
        f"{parameters(recipe):,}",
        f"{published.test:.2f}",
        published.protocol,
        f"{mean(highest):.2f} ({max(highest):.2f})",
        _over_seeds(recipe),
        _over_seeds(common_of(recipe)),
        f"{recorded.seconds_of(recipe):.1f}",
    ]


def _over_seeds(recipe: Recipe) -> str:
    values = results.last_accuracies(recipe.name)
    return f"{mean_std(estimate(values))} ({len(values)})".replace(" ", "\u00a0")


def on_equal_terms() -> Table:
    """Every network under the common recipe, and what the largest with batch norm has over it."""
    ranked = sorted(COMMONS.values(), key=parameters)
    _, largest = _smallest_and_largest()
    rows = []
    for common in ranked:
        gap = paired(common, largest)
        rows.append(
            [
                letters(common),
                f"{parameters(common):,}",
                _over_seeds(common),
                "" if common is largest else f"{signed(gap)}, {gap.n} pairs",
            ]
        )
    gap = f"{letters(largest)} less this [95 % interval]"
    return Table(["network of", "parameters", "last epoch", gap], rows)


def _smallest_and_largest() -> tuple[Recipe, Recipe]:
    """Of the networks with batch norm, under the common recipe."""
    ranked = sorted((c for c in COMMONS.values() if c.batch_norm), key=parameters)
    return ranked[0], ranked[-1]


def ranges() -> Table:
    """How far apart the designs lie: as published, under their own recipes and the common one."""
    rows = []
    for way, found in _reached().items():
        lowest, highest = min(found, key=found.get), max(found, key=found.get)
        ends = [f"{found[name]:.2f} ({name})" for name in (lowest, highest)]
        rows.append([way, *ends, f"{found[highest] - found[lowest]:.2f}"])
    return Table(["", "lowest", "highest", "range, in points"], rows)


def _reached() -> dict[str, dict[str, float]]:
    """Accuracy of every design, in per cent: the published figure, and means of the last epoch."""

    def ours(recipe: Recipe) -> float:
        return mean(results.last_accuracies(recipe.name))

    return {
        "published": {label(recipe): catalogue.get(recipe.name).published.test for recipe in ALL},
        "own recipe, last epoch": {label(recipe): ours(recipe) for recipe in ALL},
        "common recipe, last epoch": {letters(c): ours(c) for c in COMMONS.values()},
    }


def stages() -> Table:
    """From one published stage to the next: the gain as published, and ours, paired by seed."""
    rows = []
    for before, after in pairwise(ALL):
        if label(before)[0] != label(after)[0]:
            continue
        said = [catalogue.get(recipe.name).published for recipe in (before, after)]
        train = mean(
            results.history_of(run).train_accuracy[-1] for run in results.reported(after.name)
        )
        rows.append(
            [
                f"{label(before)} → {label(after)}",
                in_words(difference(before, after)),
                f"{said[1].test - said[0].test:+.2f}",
                signed(paired(before, after)),
                f"{said[1].train:.2f}",
                f"{train:.2f}",
            ]
        )
    columns = ["stages", "what changes here", "published gain", "gain here [95 % interval]"]
    return Table([*columns, "train, published", "train, here"], rows)


def letters(common: Recipe) -> str:
    """The stages whose network a common recipe trains: ``C2, C3``."""
    return ", ".join(label(recipe) for recipe in ALL if common_of(recipe) is common)


def targets() -> Table:
    """What was set for the designs, beside what was recorded."""
    rows = []
    for recipe in DESIGNS:
        least, ours = (
            catalogue.get(recipe.name).published.test,
            max(results.best_accuracies(recipe.name)),
        )
        what = f"{label(recipe)}: best epoch of a seed, as published"
        rows.append([what, f"≥ {least:.2f}", f"{ours:.2f}", verdict(ours, least)])
    late = max(min(run["history"]["test_correct"][-5:]) for run in results.reported(DESIGN_E3.name))
    late = 100 * late / results.SAMPLES[1]
    what = "E3: each of the last 5 epochs of a seed"
    rows.append([what, "≥ 99.40", f"{late:.2f}", verdict(late, 99.40)])
    for common in COMMONS.values():
        if catalogue.get(common.name).target:
            ours, least = (
                mean(results.last_accuracies(common.name)),
                catalogue.get(common.name).target,
            )
            what = f"{common.title}: mean of the last epoch"
            rows.append([what, f"≥ {least:.2f}", f"{ours:.3f}", verdict(ours, least)])
    return Table(["target", "at least", "measured", "reached"], rows)


def verdict(measured: float, least: float) -> str:
    """``yes``, or by how much it is missed."""
    return "yes" if reaches(measured, least) else f"no, by {least - measured:.3f}"


# --------------------------------------------------------------------------- the studies


def both(before: Recipe, after: Recipe) -> tuple[list[dict], list[dict]]:
    """The runs of two recipes with the seeds that both have recorded, in one order."""
    one, other = (
        {run["seed"]: run for run in results.reported(recipe.name)} for recipe in (before, after)
    )
    seeds = sorted(one.keys() & other.keys())
    return [one[seed] for seed in seeds], [other[seed] for seed in seeds]


def paired(before: Recipe, after: Recipe) -> Estimate:
    """``after`` less ``before`` in points, over the seeds that both have recorded."""
    sides = both(before, after)
    return paired_difference(*([run["test_accuracy_last"] for run in side] for side in sides))


def schedulers() -> Table:
    """One network and one peak rate, five schedules: E's text says that step and plateau fail."""
    base, chosen = DESIGN_E2, DESIGN_E3
    rows = []
    for recipe in (base, *SCHEDULES, chosen):
        falls = [first_fall(run["history"]["lr"]) for run in results.reported(recipe.name)]
        rows.append(
            [
                recipe.schedule,
                _over_seeds(recipe),
                "" if recipe is base else signed(paired(base, recipe)),
                "" if recipe is chosen else signed(paired(recipe, chosen)),
                ", ".join(str(epoch or "never") for epoch in falls),
            ]
        )
    columns = ["schedule", "last epoch", f"less {base.schedule} [95 % interval]"]
    columns += [f"{chosen.schedule} less this [95 % interval]", "first epoch at a lower rate"]
    return Table(columns, rows)


def first_fall(rates: Sequence[float]) -> int | None:
    """The first epoch, from 1, that starts at a lower rate than an earlier one."""
    falls = (at for at, lr in enumerate(rates, 1) if lr < max(rates[:at]))
    return next(falls, None)


def batch_sizes() -> Table:
    """Step 04 in batches of 128 and of 256: B's text says the larger saves a second an epoch."""
    base = LR_SCHEDULE
    rows = [
        [
            recipe.batch_size,
            _over_seeds(recipe),
            "" if recipe is base else signed(paired(base, recipe)),
            f"{mean(results.best_accuracies(recipe.name)):.2f}",
            f"{recorded.seconds_of(recipe):.1f}",
        ]
        for recipe in (base, BATCH_256)
    ]
    columns = ["batch_size", "last epoch", "Δ [95 % interval]", "best epoch", "seconds per epoch"]
    return Table(columns, rows)


def augmentation() -> Table:
    """Augmentation off and on at three sizes, under the common recipe."""
    rows = []
    for plain in sorted(NOT_AUGMENTED, key=parameters):
        common = common_of(plain)
        values = [_over_seeds(recipe) for recipe in (plain, common)]
        rows.append([f"{parameters(plain):,}", *values, signed(paired(plain, common))])
    return Table(["parameters", "plain", "augmented", "Δ [95 % interval]"], rows)


def mended_pairs() -> Table:
    """Mistakes between the digits that B's text names, without and with augmentation."""
    sides = both(REGULARIZATION, AUGMENTATION)
    rows = []
    for what, count in _counts().items():
        before, after = ([count(run) for run in side] for side in sides)
        gap = signed(paired_difference(before, after))
        rows.append([what, f"{mean(before):.1f}", f"{mean(after):.1f}", gap])
    return Table(["digits", "step 02, plain", "step 03, augmented", "Δ [95 % interval]"], rows)


def _counts() -> dict[str, Callable[[dict], int]]:
    """What is counted of a run's mistakes: each named pair, these together, everything else."""

    def named(run: dict) -> int:
        return sum(confused(run, a, b) for a, b in NAMED_PAIRS)

    found = {f"{a} and {b}": partial(confused, a=a, b=b) for a, b in NAMED_PAIRS}
    found["the five together"] = named
    found["all other mistakes"] = lambda run: len(run["misclassified"]["labels"]) - named(run)
    return found


def peeks() -> dict[str, list[float]]:
    """Best epoch on the test set less last epoch, in points, of every recorded run.

    By what the end of training does: runs at their full rate have more to pick from.
    """
    found: dict[str, list[float]] = {
        "at a constant rate": [],
        "at a falling rate": [],
        "with averaged weights": [],
    }
    for recipe in (e.recipe for e in catalogue.EXPERIMENTS.values()):
        for run in results.reported(recipe.name):
            lr = run["history"]["lr"]
            falling = "at a falling rate" if lr[-1] < max(lr) else "at a constant rate"
            kind = "with averaged weights" if recipe.ema else falling
            found[kind].append(run["test_accuracy_best"] - run["test_accuracy_last"])
    return {kind: gaps for kind, gaps in found.items() if gaps}


# --------------------------------------------------------------------------- the pictures


def size_picture() -> Figure:
    """Accuracy against parameters: every design, its own recipe, the common one, as published."""
    common = {
        letters(common): (parameters(common), results.last_accuracies(common.name))
        for common in COMMONS.values()
    }
    own = {
        label(recipe): (parameters(recipe), results.last_accuracies(recipe.name)) for recipe in ALL
    }
    published = {
        source.source: (source.parameters, source.test)
        for source in (catalogue.get(recipe.name).published for recipe in ALL)
    }
    finding = f"Trained alike, in points: {what_size_brings()}"
    return comparisons.by_size({"common recipe": common, "own recipe": own}, published, finding)


def what_size_brings() -> str:
    """The largest network against the smallest, both with batch norm, under the common recipe."""
    small, large = _smallest_and_largest()
    return (
        f"{letters(large)} ({parameters(large):,} parameters) less {letters(small)} "
        f"({parameters(small):,}) is {signed(paired(small, large))}"
    )


def curves_picture() -> Figure:
    """Test accuracy per epoch of every design, under its own recipe and the common one."""
    panels = {}
    for recipe in ALL:
        title = f"{label(recipe)}: {parameters(recipe):,} parameters"
        panels[title] = {
            way: [results.history_of(run) for run in results.reported(what.name)]
            for way, what in (("own recipe", recipe), ("common recipe", common_of(recipe)))
        }
    own, common = (mean(map(_swing, ways)) for ways in (ALL, map(common_of, ALL)))
    finding = (
        f"How far the last five epochs swing around a straight line: {own:.3f} points under the "
        f"designs' own recipes, {common:.3f} under the common one"
    )
    return comparisons.small_multiples(panels, f"{finding}\n(mean and range of the seeds)")


def _swing(recipe: Recipe) -> float:
    """Standard deviation of the last 5 epochs' test accuracy around their line, mean over seeds."""
    histories = [results.history_of(run) for run in results.reported(recipe.name)]
    return mean(around_line(history.test_accuracy[-5:]) for history in histories)


def around_line(values: Sequence[float]) -> float:
    """Standard deviation around the best straight line, which takes two degrees of freedom."""
    at = np.arange(len(values))
    rest = values - np.polyval(np.polyfit(at, values, 1), at)
    return float(np.sqrt((rest**2).sum() / (len(values) - 2)))


def schedules_picture() -> Figure:
    """Every schedule over the study's epochs; the plateau follows its first recorded run."""
    plateau = next(recipe for recipe in SCHEDULES if recipe.schedule == "plateau")
    losses = results.reported(plateau.name)[0]["history"]["train_loss"]
    plans = {
        name: schedules.rates(name, plateau.lr, plateau.epochs, 100, losses)
        for name in schedules.SCHEDULES
    }
    return comparisons.schedules(plans, plateau.epochs)


def peek_picture() -> Figure:
    gaps = peeks()
    finding = f"What the best epoch on the test set adds to the last: {means_in_words(gaps)}"
    return comparisons.peek(gaps, finding)


def means_in_words(gaps: dict[str, list[float]]) -> str:
    """The mean of every kind of run."""
    return ", ".join(f"{mean(values):.2f} {kind}" for kind, values in gaps.items())
