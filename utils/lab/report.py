"""The README's tables and figures, made from the recorded runs and from nothing else.

``write()`` rewrites the text between ``<!-- begin:NAME -->`` and ``<!-- end:NAME -->`` in
README.md and the pictures in assets/figures. A picture carries a digest of what it was drawn
from, so a test can tell whether it is still the one that ``write()`` would draw.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections import Counter
from dataclasses import fields
from pathlib import Path
from statistics import mean

from matplotlib.figure import Figure
from PIL import Image

from utils import data, models, plots, receptive_field, recipes
from utils.files import replacing
from utils.lab import choices, results
from utils.lab.statistics import Estimate, estimate, paired_difference
from utils.recipes import PUBLISHED, STEPS, TARGETS, Recipe
from utils.tables import Table
from utils.training import History, Mistakes

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
FIGURES = ROOT / "assets" / "figures"
BEST = STEPS[-1]


# --------------------------------------------------------------------------- words and numbers


def last_accuracies(name: str) -> list[float]:
    return [result["test_accuracy_last"] for result in results.reported(name)]


def best_accuracies(name: str) -> list[float]:
    return [result["test_accuracy_best"] for result in results.reported(name)]


def history_of(result: dict) -> History:
    return History(**result["history"])


def mean_std(found: Estimate, digits: int = 2) -> str:
    return f"{found.mean:.{digits}f} ± {found.std:.{digits}f}"


def signed(found: Estimate) -> str:
    """A difference with its interval, and a word where the interval contains zero."""
    text = f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
    return text if found.excludes_zero else f"{text} (within noise)"


def shown(value) -> str:
    """A recipe's value as a reader would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def change(recipe: Recipe) -> Table:
    """What ``recipe`` changes against the step before it; for the first, its whole recipe."""
    before = recipes.previous(recipe)
    if before is None:
        rows = [[name, shown(value)] for name, value in recipe.settings().items()]
        return Table(["setting", "value"], rows)
    rows = [
        [name, shown(old), shown(new)]
        for name, (old, new) in recipes.difference(before, recipe).items()
    ]
    return Table(["setting", f"step {before.name[:2]}", f"step {recipe.name[:2]}"], rows)


def change_in_words(recipe: Recipe) -> str:
    before = recipes.previous(recipe)
    if before is None:
        return "the bare network"
    changes = recipes.difference(before, recipe).items()
    return ", ".join(f"{name}: {shown(old)} → {shown(new)}" for name, (old, new) in changes)


# --------------------------------------------------------------------------- the tables


def experiments() -> Table:
    """The four steps: what changed, what it brought, and what was published."""
    columns = ["step", "the one change", "parameters", "receptive field", "train", "test"]
    columns += ["Δ [95 % interval]", "best epoch: mean (highest)", "published", "minutes"]
    rows = []
    for recipe in STEPS:
        runs = results.reported(recipe.name)
        train = estimate([history_of(run).train_accuracy[-1] for run in runs])
        test, best = estimate(last_accuracies(recipe.name)), best_accuracies(recipe.name)
        before = recipes.previous(recipe)
        model = recipes.build_model(recipe)
        rows.append(
            [
                f"[{recipe.name[:2]} {recipe.title}](notebooks/{recipe.name}.ipynb)",
                change_in_words(recipe),
                f"{models.count_parameters(model):,}",
                receptive_field.final(model),
                f"{train.mean:.2f}",
                f"**{mean_std(test)}**".replace(" ", "\u00a0"),  # else narrow columns break it
                difference(before, recipe) if before else "",
                f"{estimate(best).mean:.2f} ({max(best):.2f})",
                f"{PUBLISHED[recipe.name].test:.2f}",
                f"{estimate([run['seconds'] for run in runs]).mean / 60:.1f}",
            ]
        )
    return Table(columns, rows)


def difference(before: Recipe, after: Recipe) -> str:
    """Last-epoch test accuracy of ``after`` less that of ``before``, paired by seed."""
    return signed(paired_difference(last_accuracies(before.name), last_accuracies(after.name)))


def reaches(accuracy: float, target: float) -> bool:
    """Whether ``accuracy`` is at least ``target``, to four decimals: sums of floats are inexact."""
    return round(accuracy, 4) >= target


def targets() -> Table:
    """Each step's target beside what was recorded."""
    rows = []
    for name, target in TARGETS.items():
        ours, best = estimate(last_accuracies(name)).mean, max(best_accuracies(name))
        theirs = PUBLISHED[name].test
        rows.append(
            [
                name,
                f"≥ {target:.2f}",
                f"{ours:.3f}",
                "yes" if reaches(ours, target) else "no",
                f"{theirs:.2f}",
                f"{best:.2f}",
                "yes" if reaches(best, theirs) else "no",
            ]
        )
    columns = ["step", "target, mean of the last epoch", "measured", "reached"]
    columns += ["published best epoch", "our best epoch", "reached as well"]
    return Table(columns, rows)


def engines() -> Table:
    """The two augmentation engines on step 03, paired by seed."""
    stock, batched = recipes.STOCK_AUGMENTATION.name, recipes.AUGMENTATION.name
    rows = []
    for name, label in ((stock, "albumentations, image by image"), (batched, "batched tensors")):
        runs = results.reported(name)
        seconds = estimate([mean(run["history"]["seconds"]) for run in runs])
        gap = paired_difference(last_accuracies(stock), last_accuracies(name))
        rows.append(
            [
                label,
                mean_std(estimate(last_accuracies(name)), 3),
                "" if name == stock else signed(gap),
                f"{seconds.mean:.1f}",
            ]
        )
    return Table(["engine", "test accuracy", "Δ [95 % interval]", "seconds per epoch"], rows)


def findings() -> str:
    """The three lines at the head of the README."""
    first, last = STEPS[0], STEPS[-1]
    start, end = (estimate(last_accuracies(step.name)) for step in (first, last))
    peeks = [
        estimate(best_accuracies(step.name)).mean - estimate(last_accuracies(step.name)).mean
        for step in (first, last)
    ]
    steps_up = [
        f"{recipe.title.lower()} {difference(recipes.previous(recipe), recipe)}"
        for recipe in STEPS[1:]
    ]
    return "\n".join(
        [
            f"- Four steps take a {models.count_parameters(recipes.build_model(last)):,}-parameter "
            f"network from {mean_std(start)} % to **{mean_std(end)} %** test accuracy "
            f"({end.n} seeds, last epoch, the test set read for reporting only).",
            f"- What each change brought, in points: {'; '.join(steps_up)}.",
            f"- Quoting the best epoch on the test set, as is usual, would have added "
            f"{peeks[0]:.2f} points to the first step and {peeks[1]:.2f} to the last, with no "
            f"better network behind them.",
        ]
    )


def machine() -> str:
    """What the recorded runs were made on, and how long all of them took."""
    runs = [run for name in recipes.RECIPES for run in results.reported(name)]
    first, versions = runs[0], runs[0]["versions"]
    hours = sum(run["seconds"] for run in runs) / 3600
    return (
        f"{len(runs)} runs, {hours:.1f} hours of {first['threads']} thread each on "
        f"{first['machine']}, two at a time; Python {versions['python']}, "
        f"torch {versions['torch']}."
    )


NOT_CHOSEN = "Not recorded yet for the recipes as they stand: `python -m utils.lab choose --help`."


def code_block(text: str) -> str:
    return f"```text\n{text}\n```"


def sections() -> dict[str, str]:
    """Everything between markers in the README, by marker name."""
    model = recipes.build_model(BEST)
    return {
        "findings": findings(),
        "experiments": experiments().markdown(),
        "targets": targets().markdown(),
        "engines": engines().markdown(),
        "machine": machine(),
        "choices": choices.table().markdown() if choices.recorded() else NOT_CHOSEN,
        "summary": code_block(models.summary(model)),
        "receptive-field": receptive_field.table(model).markdown(),
        "training-log": history_of(results.reported(BEST.name)[0]).table().markdown(),
    }


def updated(text: str) -> str:
    """``text`` with every section rewritten; ``ValueError`` where the markers do not fit."""
    made = sections()
    marked = set(re.findall(r"<!-- begin:(\S+) -->", text))
    if marked != made.keys():
        raise ValueError(f"markers at odds with sections: {sorted(marked ^ made.keys())}")
    for name, section in made.items():
        pattern = rf"(<!-- begin:{name} -->\n).*?(<!-- end:{name} -->)"
        between = f"\n{section}\n\n"
        text, n = re.subn(pattern, lambda m, b=between: m[1] + b + m[2], text, flags=re.S)
        if n != 1:
            raise ValueError(f"README.md has {n} sections {name!r} with both markers, expected 1")
    return text


# --------------------------------------------------------------------------- the figures


STEP_NAMES = tuple(recipe.name for recipe in STEPS)
FIGURE_SOURCES = {
    "steps.png": STEP_NAMES,
    "curves.png": (BEST.name,),
    "misclassified.png": (BEST.name,),
    "network.png": (),
}


def digest(*names: str) -> str:
    """What a figure of these recipes is drawn from: their runs, the network, the drawing code."""
    parts = ("seed", "history", "misclassified")
    runs = [[run[part] for part in parts] for name in names for run in results.reported(name)]
    network = receptive_field.rows(recipes.build_model(BEST))
    drawing = (plots, steps_figure, curves_figure, misclassified_figure, always_wrong)
    text = repr((runs, network, PUBLISHED, [inspect.getsource(code) for code in drawing]))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def steps_figure() -> Figure:
    labels = [f"{recipe.name[:2]} {recipe.title}" for recipe in STEPS]
    runs = [last_accuracies(name) for name in STEP_NAMES]
    return plots.steps(labels, runs, [PUBLISHED[name].test for name in STEP_NAMES])


def curves_figure() -> Figure:
    histories = [history_of(run) for run in results.reported(BEST.name)]
    least = min(accuracy for history in histories for accuracy in history.test_accuracy[-5:])
    title = f"Step {BEST.name[:2]}: no seed falls below {least:.2f} % in the last five epochs"
    return plots.seed_curves(histories, f"{title} (mean and range of {len(histories)} seeds)")


def always_wrong() -> tuple[Mistakes, int]:
    """The test images that every seed of the best step gets wrong, as seed 0 answers them."""
    runs = results.reported(BEST.name)
    counts = Counter(index for run in runs for index in run["misclassified"]["indices"])
    first = runs[0]["misclassified"]
    keep = [at for at, index in enumerate(first["indices"]) if counts[index] == len(runs)]
    lists = {field.name: [first[field.name][at] for at in keep] for field in fields(Mistakes)}
    return Mistakes.from_lists(lists), len(counts)


def misclassified_figure(images: data.ImageSet) -> Figure:
    mistakes, ever = always_wrong()
    finding = f"{len(mistakes)} digits that all five seeds get wrong, of {ever} that any does"
    return plots.misclassified(images.test_images, mistakes, images.name, finding, rows=2)


def write() -> None:
    """Rewrite the README's sections and every figure."""
    figures = {
        "steps.png": steps_figure(),
        "curves.png": curves_figure(),
        "misclassified.png": misclassified_figure(data.load("mnist")),
        "network.png": plots.network(recipes.build_model(BEST)),
    }
    for name, figure in figures.items():
        metadata = {"Source": digest(*FIGURE_SOURCES[name]), "Software": None}
        with replacing(FIGURES / name) as temporary:
            figure.savefig(temporary, format="png", metadata=metadata, dpi=130)
    text = updated(README.read_text())
    with replacing(README) as temporary:
        temporary.write_text(text)


def drawn_from(name: str) -> str:
    """The digest a figure in assets/figures carries."""
    with Image.open(FIGURES / name) as image:
        return image.text.get("Source", "")


def print_list() -> None:
    """The recipes, what each changes and which seeds are recorded."""
    rows = []
    for recipe in recipes.RECIPES.values():
        seeds = ", ".join(str(seed) for seed in results.recorded(recipe)) or "none"
        rows.append([recipe.name, recipe.title, results.recipe_hash(recipe), seeds])
    print(Table(["recipe", "title", "hash", "recorded seeds"], rows))
