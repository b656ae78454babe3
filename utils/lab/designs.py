"""The published designs side by side, and the studies of what their texts claim in passing.

Every table reads the recorded runs and nothing else; ``BadResult`` where a run is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import mean

from matplotlib.figure import Figure

from utils import comparisons, models, receptive_field, recipes, schedules
from utils.lab import results
from utils.lab.statistics import Estimate, estimate, mean_std, paired_difference, signed
from utils.recipes import COMMONS, DESIGNS, PUBLISHED, STEPS, TARGETS, Recipe
from utils.tables import Table

ALL = tuple(sorted((*STEPS, *DESIGNS), key=lambda recipe: PUBLISHED[recipe.name].source))


def label(recipe: Recipe) -> str:
    """The published system's letter, and where there are several its stage: ``E3``."""
    return PUBLISHED[recipe.name].source


def common_of(recipe: Recipe) -> Recipe | None:
    """The recipe that trains the same network under the common settings, where there is one."""
    for common in COMMONS.values():
        if (common.model, common.batch_norm) == (recipe.model, recipe.batch_norm):
            return common
    return None


def recorded(recipe: Recipe) -> list[dict]:
    """Every recorded seed of ``recipe``; ``BadResult`` for fewer than 2."""
    runs = list(results.recorded(recipe).values())
    if len(runs) < 2:
        raise results.BadResult(
            f"{recipe.name} has {len(runs)} recorded runs, a table needs 2: "
            f"python -m utils.lab run {recipe.name} --seeds 0-2"
        )
    return runs


def accuracies(recipe: Recipe) -> list[float]:
    """Last-epoch test accuracy of every recorded seed, in per cent."""
    return [run["test_accuracy_last"] for run in recorded(recipe)]


def best(recipe: Recipe) -> list[float]:
    """Best-epoch test accuracy of every recorded seed, in per cent."""
    return [run["test_accuracy_best"] for run in recorded(recipe)]


def parameters(recipe: Recipe) -> int:
    return models.count_parameters(recipes.build_model(recipe))


def seconds(recipe: Recipe) -> float:
    """Training seconds of an epoch on one thread, the mean over the recorded runs."""
    return mean(mean(run["history"]["seconds"]) for run in recorded(recipe))


# --------------------------------------------------------------------------- the designs


def networks() -> Table:
    """What every design is, and how it is trained under its own recipe."""
    columns = ["design", "network", "parameters", "receptive field", "multiply-adds"]
    columns += ["batch", "epochs", "learning rate", "dropout", "augmentation"]
    rows = []
    for recipe in ALL:
        model = recipes.build_model(recipe)
        rows.append(
            [
                label(recipe),
                f"`{recipe.model}`" + ("" if recipe.batch_norm else ", no batch norm"),
                f"{models.count_parameters(model):,}",
                receptive_field.final(model),
                f"{models.count_multiply_adds(model) / 1e6:.2f} M",
                recipe.batch_size,
                recipe.epochs,
                f"{recipe.schedule}, {recipe.lr:g}",
                recipes.shown(recipe.dropout),
                recipes.shown(recipe.augmentation),
            ]
        )
    return Table(columns, rows)


def side_by_side() -> Table:
    """Every design: what was published, what its recipe gives here, and the common one."""
    columns = ["design", "parameters", "published: one run, best epoch"]
    columns += ["best epoch: mean (highest)", "last epoch", "last epoch, common recipe"]
    columns += ["seconds per epoch"]
    return Table(columns, [_row(recipe) for recipe in ALL])


def _row(recipe: Recipe) -> list[str]:
    common, highest = common_of(recipe), best(recipe)
    return [
        f"{label(recipe)} {recipe.title if recipe in STEPS else f'`{recipe.model}`'}",
        f"{parameters(recipe):,}",
        f"{PUBLISHED[recipe.name].test:.2f}",
        f"{mean(highest):.2f} ({max(highest):.2f})",
        _over_seeds(recipe),
        _over_seeds(common) if common else "",
        f"{seconds(recipe):.1f}",
    ]


def _over_seeds(recipe: Recipe) -> str:
    values = accuracies(recipe)
    return f"{mean_std(estimate(values))} ({len(values)})".replace(" ", "\u00a0")


def targets() -> Table:
    """What was set for the designs, beside what was recorded."""
    rows = []
    for recipe in DESIGNS:
        least, ours = PUBLISHED[recipe.name].test, max(best(recipe))
        what = f"{label(recipe)}: best epoch of a seed, as published"
        rows.append([what, f"≥ {least:.2f}", f"{ours:.2f}", _met(ours, least)])
    late = max(min(run["history"]["test_correct"][-5:]) for run in recorded(recipes.DESIGN_E3))
    late = 100 * late / results.SAMPLES[1]
    rows.append(
        ["E3: each of the last 5 epochs of a seed", "≥ 99.40", f"{late:.2f}", _met(late, 99.40)]
    )
    for common in COMMONS.values():
        if common.name in TARGETS:
            ours, least = mean(accuracies(common)), TARGETS[common.name]
            what = f"{common.title}: mean of the last epoch"
            rows.append([what, f"≥ {least:.2f}", f"{ours:.3f}", _met(ours, least)])
    return Table(["target", "", "measured", "reached"], rows)


def _met(measured: float, least: float) -> str:
    short = round(least - measured, 4)  # sums of floats are inexact
    return "yes" if short <= 0 else f"no, by {short:.3f}"


# --------------------------------------------------------------------------- the studies


def paired(before: Recipe, after: Recipe) -> Estimate:
    """``after`` less ``before`` in points, over the seeds that both have recorded."""
    one, other = results.accuracies(before), results.accuracies(after)
    seeds = sorted(one.keys() & other.keys())
    return paired_difference(*([side[seed] for seed in seeds] for side in (one, other)))


def study(base: Recipe, others: Iterable[Recipe], name: Callable[[Recipe], str]) -> Table:
    """``base`` beside ``others``: accuracy, difference from the base, seconds per epoch."""
    rows = [
        [
            name(recipe),
            _over_seeds(recipe),
            "" if recipe is base else signed(paired(base, recipe)),
            f"{mean(best(recipe)):.2f}",
            f"{seconds(recipe):.1f}",
        ]
        for recipe in (base, *others)
    ]
    columns = ["", "last epoch", "Δ [95 % interval]", "best epoch", "seconds per epoch"]
    return Table(columns, rows)


def schedulers() -> Table:
    """One network under five schedules: design E's text says that step and plateau fail."""
    others = (*recipes.SCHEDULER_STUDY, recipes.DESIGN_E3)
    return study(recipes.DESIGN_E2, others, lambda recipe: f"{recipe.schedule}, {recipe.lr:g}")


def batch_sizes() -> Table:
    """Step 04 in batches of 128 and 256: design B's text says the smaller costs a second."""
    return study(
        recipes.LR_SCHEDULE, [recipes.BATCH_STUDY], lambda recipe: f"batches of {recipe.batch_size}"
    )


def augmentation() -> Table:
    """Augmentation off and on at three sizes, under the common recipe."""
    rows = []
    for plain in sorted(recipes.AUGMENTATION_STUDY, key=parameters):
        common = common_of(plain)
        values = [_over_seeds(recipe) for recipe in (plain, common)]
        rows.append([f"{parameters(plain):,}", *values, signed(paired(plain, common))])
    return Table(["parameters", "plain", "augmented", "Δ [95 % interval]"], rows)


def mended_pairs() -> Table:
    """Mistakes between the digits that design B's text names, without and with augmentation."""
    pair = (recipes.REGULARIZATION, recipes.AUGMENTATION)
    runs = [recorded(recipe) for recipe in pair]
    rows = []
    for a, b in results.NAMED_PAIRS:
        before, after = ([results.confused(run, a, b) for run in side] for side in runs)
        gap = signed(paired_difference(before, after))
        rows.append([f"{a} and {b}", f"{mean(before):.1f}", f"{mean(after):.1f}", gap])
    return Table(["digits", "step 02, plain", "step 03, augmented", "Δ [95 % interval]"], rows)


def peeks() -> dict[str, list[float]]:
    """Best epoch on the test set less last epoch, in points, of every recorded run.

    By what the learning rate does: a run that ends at its full rate has more to pick from.
    """
    found: dict[str, list[float]] = {"constant rate": [], "falling rate": []}
    for recipe in recipes.RECIPES.values():
        kind = "constant rate" if recipe.schedule == "constant" else "falling rate"
        for run in results.recorded(recipe).values():
            found[kind].append(run["test_accuracy_best"] - run["test_accuracy_last"])
    return found


# --------------------------------------------------------------------------- the pictures


def size_picture() -> Figure:
    """Accuracy against parameters: every design, its own recipe, the common one, as published."""
    common = {
        common.title.split(",")[0].removeprefix("Design "): (parameters(common), accuracies(common))
        for common in COMMONS.values()
    }
    own = {label(recipe): (parameters(recipe), accuracies(recipe)) for recipe in ALL}
    published = {
        source.source: (source.parameters, source.test)
        for source in (PUBLISHED[recipe.name] for recipe in ALL)
    }
    size, name = min((size, name) for name, (size, _) in common.items())
    most, top = max((mean(values), name) for name, (_, values) in common.items())
    behind = most - mean(common[name][1])
    finding = (
        f"Under one recipe, {name} with {size:,} parameters ends {behind:.2f} points "
        f"behind {top} with {common[top][0]:,}"
    )
    return comparisons.by_size({"common recipe": common, "own recipe": own}, published, finding)


def curves_picture() -> Figure:
    """Test accuracy per epoch of every design, under its own recipe and the common one."""
    panels = {}
    for recipe in ALL:
        panel = {"own recipe": recipe, "common recipe": common_of(recipe)}
        title = f"{label(recipe)}: {parameters(recipe):,} parameters"
        panels[title] = {
            way: [results.history_of(run) for run in recorded(what)]
            for way, what in panel.items()
            if what is not None
        }
    steadier = [
        recipe for recipe in ALL if common_of(recipe) and _swing(common_of(recipe)) < _swing(recipe)
    ]
    of = sum(common_of(recipe) is not None for recipe in ALL)
    finding = f"The common recipe settles: it swings less in the end for {len(steadier)} of {of}"
    return comparisons.small_multiples(panels, f"{finding} (mean and range of the seeds)")


def _swing(recipe: Recipe) -> float:
    """Standard deviation of the last 5 epochs' test accuracy, the mean over the seeds."""
    histories = [results.history_of(run) for run in recorded(recipe)]
    return mean(estimate(history.test_accuracy[-5:]).std for history in histories)


def schedules_picture() -> Figure:
    """Every schedule over the study's epochs; the plateau follows its first recorded run."""
    plateau = next(recipe for recipe in recipes.SCHEDULER_STUDY if recipe.schedule == "plateau")
    losses = recorded(plateau)[0]["history"]["train_loss"]
    plans = {
        name: schedules.rates(name, plateau.lr, plateau.epochs, 100, losses)
        for name in schedules.SCHEDULES
    }
    return comparisons.schedules(plans, plateau.epochs)


def peek_picture() -> Figure:
    gaps = peeks()
    everything = [gap for values in gaps.values() for gap in values]
    finding = f"The peek: the best epoch on the test set flatters a run by {mean(everything):.2f}"
    return comparisons.peek(gaps, f"{finding} points")
