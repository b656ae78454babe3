"""The published designs side by side, and the studies of what their texts claim in passing.

Every table reads the reported runs and nothing else; ``BadResult`` where one is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

from matplotlib.figure import Figure

from utils import comparisons, models, receptive_field, recipes, schedules
from utils.lab import results, timings
from utils.lab.statistics import (
    Estimate,
    estimate,
    mean_std,
    paired_difference,
    reaches,
    signed,
)
from utils.recipes import COMMON, COMMONS, DESIGNS, PUBLISHED, STEPS, TARGETS, Recipe
from utils.tables import Table

NAMED_PAIRS = ((4, 9), (2, 5), (8, 9), (1, 7), (1, 2))  # confused, says B's analysis
ALL = tuple(sorted((*STEPS, *DESIGNS), key=lambda recipe: PUBLISHED[recipe.name].source))


def label(recipe: Recipe) -> str:
    """The published system's letter, and where there are several its stage: ``E3``."""
    return PUBLISHED[recipe.name].source


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
    return models.count_parameters(recipes.build_model(recipe))


# --------------------------------------------------------------------------- the designs


def networks() -> Table:
    """What every design is, and how it is trained under its own recipe."""
    columns = ["design", "network", "parameters", "receptive field", "million multiply-adds"]
    columns += ["batch", "epochs", "optimizer", "learning rate", "gradient bound", "dropout"]
    columns += ["augmentation"]
    rows = []
    for recipe in ALL:
        model = recipes.build_model(recipe)
        rows.append(
            [
                label(recipe),
                f"`{recipe.model}`" + ("" if recipe.batch_norm else ", no batch norm"),
                f"{models.count_parameters(model):,}",
                receptive_field.final(model),
                f"{models.count_multiply_adds(model) / 1e6:.2f}",
                recipe.batch_size,
                recipe.epochs,
                recipe.optimizer,
                f"{recipe.schedule}, {recipe.lr:g}",
                recipes.shown(recipe.max_grad_norm),
                recipes.shown(recipe.dropout),
                recipes.shown(recipe.augmentation),
            ]
        )
    return Table(columns, rows)


def common_recipe() -> Table:
    """What all networks share under the common recipe."""
    return Table(
        ["setting", "value"], [[name, recipes.shown(value)] for name, value in COMMON.items()]
    )


def side_by_side() -> Table:
    """Every design: what was published, what its recipe gives here, and the common one."""
    columns = ["design", "parameters", "published", "its epoch"]
    columns += ["best epoch: mean (highest)", "last epoch", "last epoch, common recipe"]
    columns += ["seconds per epoch"]
    return Table(columns, [_row(recipe) for recipe in ALL])


def _row(recipe: Recipe) -> list[str]:
    published, highest = PUBLISHED[recipe.name], results.best_accuracies(recipe.name)
    return [
        f"{label(recipe)} {recipe.title if recipe in STEPS else f'`{recipe.model}`'}",
        f"{parameters(recipe):,}",
        f"{published.test:.2f}",
        published.protocol,
        f"{mean(highest):.2f} ({max(highest):.2f})",
        _over_seeds(recipe),
        _over_seeds(common_of(recipe)),
        f"{timings.seconds_of(recipe):.1f}",
    ]


def _over_seeds(recipe: Recipe) -> str:
    values = results.last_accuracies(recipe.name)
    return f"{mean_std(estimate(values))} ({len(values)})".replace(" ", "\u00a0")


def on_equal_terms() -> Table:
    """Every network under the common recipe, and what the largest has over it."""
    ranked = sorted(COMMONS.values(), key=parameters)
    largest = max((c for c in ranked if c.batch_norm), key=parameters)
    rows = [
        [
            letters(common),
            f"{parameters(common):,}",
            _over_seeds(common),
            "" if common is largest else signed(paired(common, largest)),
        ]
        for common in ranked
    ]
    gap = f"{letters(largest)} less this [95 % interval]"
    return Table(["network of", "parameters", "last epoch", gap], rows)


def letters(common: Recipe) -> str:
    """The stages whose network a common recipe trains: ``C2, C3``."""
    return ", ".join(label(recipe) for recipe in ALL if common_of(recipe) is common)


def targets() -> Table:
    """What was set for the designs, beside what was recorded."""
    rows = []
    for recipe in DESIGNS:
        least, ours = PUBLISHED[recipe.name].test, max(results.best_accuracies(recipe.name))
        what = f"{label(recipe)}: best epoch of a seed, as published"
        rows.append([what, f"≥ {least:.2f}", f"{ours:.2f}", missed(ours, least)])
    late = max(
        min(run["history"]["test_correct"][-5:]) for run in results.reported(recipes.DESIGN_E3.name)
    )
    late = 100 * late / results.SAMPLES[1]
    what = "E3: each of the last 5 epochs of a seed"
    rows.append([what, "≥ 99.40", f"{late:.2f}", missed(late, 99.40)])
    for common in COMMONS.values():
        if common.name in TARGETS:
            ours, least = mean(results.last_accuracies(common.name)), TARGETS[common.name]
            what = f"{common.title}: mean of the last epoch"
            rows.append([what, f"≥ {least:.2f}", f"{ours:.3f}", missed(ours, least)])
    return Table(["target", "at least", "measured", "reached"], rows)


def missed(measured: float, least: float) -> str:
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


def study(base: Recipe, others: Iterable[Recipe], setting: str) -> Table:
    """``base`` beside ``others``, which differ in ``setting``, by accuracy."""
    rows = [
        [
            recipes.shown(getattr(recipe, setting)),
            _over_seeds(recipe),
            "" if recipe is base else signed(paired(base, recipe)),
            f"{mean(results.best_accuracies(recipe.name)):.2f}",
        ]
        for recipe in (base, *others)
    ]
    return Table([setting, "last epoch", "Δ [95 % interval]", "best epoch"], rows)


def schedulers() -> Table:
    """One network and one peak rate, five schedules: E's text says that step and plateau fail."""
    others = (*recipes.SCHEDULER_STUDY, recipes.DESIGN_E3)
    return study(recipes.DESIGN_E2, others, "schedule")


def batch_sizes() -> Table:
    """Step 04 in batches of 128 and of 256: B's text says the larger saves a second an epoch."""
    pair = (recipes.LR_SCHEDULE, recipes.BATCH_STUDY)
    table = study(pair[0], pair[1:], "batch_size")
    seconds = [f"{timings.seconds_of(recipe):.1f}" for recipe in pair]
    rows = [[*row, took] for row, took in zip(table.rows, seconds, strict=True)]
    return Table([*table.columns, "seconds per epoch"], rows)


def augmentation() -> Table:
    """Augmentation off and on at three sizes, under the common recipe."""
    rows = []
    for plain in sorted(recipes.AUGMENTATION_STUDY, key=parameters):
        common = common_of(plain)
        values = [_over_seeds(recipe) for recipe in (plain, common)]
        rows.append([f"{parameters(plain):,}", *values, signed(paired(plain, common))])
    return Table(["parameters", "plain", "augmented", "Δ [95 % interval]"], rows)


def mended_pairs() -> Table:
    """Mistakes between the digits that B's text names, without and with augmentation."""
    sides = both(recipes.REGULARIZATION, recipes.AUGMENTATION)
    rows = []
    for a, b in NAMED_PAIRS:
        before, after = ([confused(run, a, b) for run in side] for side in sides)
        gap = signed(paired_difference(before, after))
        rows.append([f"{a} and {b}", f"{mean(before):.1f}", f"{mean(after):.1f}", gap])
    return Table(["digits", "step 02, plain", "step 03, augmented", "Δ [95 % interval]"], rows)


def peeks() -> dict[str, list[float]]:
    """Best epoch on the test set less last epoch, in points, of every recorded run.

    By what the end of training does: runs at their full rate have more to pick from.
    """
    found: dict[str, list[float]] = {"constant rate": [], "falling rate": [], "averaged": []}
    for recipe in recipes.RECIPES.values():
        constant = recipe.schedule == "constant"
        kind = "averaged" if recipe.ema else "constant rate" if constant else "falling rate"
        for run in results.reported(recipe.name):
            found[kind].append(run["test_accuracy_best"] - run["test_accuracy_last"])
    return found


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
        for source in (PUBLISHED[recipe.name] for recipe in ALL)
    }
    finding = f"Under one recipe, {what_size_brings()}"
    return comparisons.by_size({"common recipe": common, "own recipe": own}, published, finding)


def what_size_brings() -> str:
    """The largest network against the smallest, both with batch norm, under the common recipe."""
    ranked = sorted((c for c in COMMONS.values() if c.batch_norm), key=parameters)
    small, large = ranked[0], ranked[-1]
    return (
        f"{parameters(large) / parameters(small):.1f} times the parameters "
        f"({letters(small)} to {letters(large)}) bring {signed(paired(small, large))} points"
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
    own = mean(_swing(recipe) for recipe in ALL)
    common = mean(_swing(recipe) for recipe in COMMONS.values())
    finding = (
        f"Swing of the last five epochs: {own:.3f} points under the designs' own recipes, "
        f"{common:.3f} under the common one"
    )
    return comparisons.small_multiples(panels, f"{finding}\n(mean and range of the seeds)")


def _swing(recipe: Recipe) -> float:
    """Standard deviation of the last 5 epochs' test accuracy, the mean over the seeds."""
    histories = [results.history_of(run) for run in results.reported(recipe.name)]
    return mean(estimate(history.test_accuracy[-5:]).std for history in histories)


def schedules_picture() -> Figure:
    """Every schedule over the study's epochs; the plateau follows its first recorded run."""
    plateau = next(recipe for recipe in recipes.SCHEDULER_STUDY if recipe.schedule == "plateau")
    losses = results.reported(plateau.name)[0]["history"]["train_loss"]
    plans = {
        name: schedules.rates(name, plateau.lr, plateau.epochs, 100, losses)
        for name in schedules.SCHEDULES
    }
    return comparisons.schedules(plans, plateau.epochs)


def peek_picture() -> Figure:
    finding = f"The best epoch on the test set flatters a run by {mean(all_peeks()):.2f} points"
    return comparisons.peek(peeks(), finding)


def all_peeks() -> list[float]:
    return [gap for gaps in peeks().values() for gap in gaps]
