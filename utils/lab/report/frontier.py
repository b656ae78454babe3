"""How accurate a network of a given size can be: tables and pictures of the frontier's recipes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import mean

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from utils import data, models, plots
from utils.experiments import catalogue
from utils.experiments.frontier import FRONTIER, LONG
from utils.experiments.recorded import BadResult
from utils.history import Mistakes
from utils.lab.report import comparisons, designs, label_errors
from utils.lab.report.intervals import estimate, mean_std, paired_difference, reaches, signed
from utils.lab.runs import results, validation
from utils.recipes import Recipe, build_model, formatted, switched_on
from utils.support.tables import Table

ASSETS = results.FOLDER.parent
ENOUGH = 99.40  # what the smallest network is asked for
LARGEST = FRONTIER[max(FRONTIER)]
ABLATED = FRONTIER[8000].name


def elsewhere() -> list[dict]:
    """Single runs that others published: parameters, accuracy, source and protocol of each."""
    return json.loads((ASSETS / "published.json").read_text())


# --------------------------------------------------------------------------- the tables


def table() -> Table:
    """The most accurate network of each size that was found, beside what was set for it."""
    columns = ["fewer than", "network", *_own(), "parameters", "million MACs"]
    columns += ["last epoch", "lowest, highest", "Δ to the size before [95 % interval]"]
    before = [None, *FRONTIER.values()]
    rows = [_row(*sized, smaller) for sized, smaller in zip(FRONTIER.items(), before, strict=False)]
    return Table([*columns, "target", "reached"], rows)


def _row(limit: int, recipe: Recipe, smaller: Recipe | None) -> list:
    model = build_model(recipe)
    values, target = results.last_accuracies(recipe.name), catalogue.get(recipe.name).target
    return [
        f"{limit:,}",
        f"`{recipe.stages}`",
        *(formatted(recipe.settings()[name]) for name in _own()),
        f"{models.count_parameters(model):,}",
        f"{models.count_macs(model) / 1e6:.2f}",
        mean_std(estimate(values), 3).replace(" ", "\u00a0"),
        f"{min(values):.2f}, {max(values):.2f}",
        signed(designs.paired(smaller, recipe)) if smaller else "",
        f"≥ {target:.2f}",
        designs.verdict(mean(values), target),
    ]


def longer() -> Table:
    """The same networks without the limit of 20 epochs, and what that adds."""
    rows = []
    for limit, recipe in LONG.items():
        sides = designs.both(FRONTIER[limit], recipe)
        before, values = ([run["test_accuracy_last"] for run in side] for side in sides)
        rows.append(
            [
                f"{limit:,}",
                f"{designs.parameters(recipe):,}",
                recipe.epochs,
                mean_std(estimate(values), 3).replace(" ", "\u00a0"),
                ", ".join(f"{value:.2f}" for value in values),
                f"{mean(before):.3f}",
                signed(paired_difference(before, values)),
            ]
        )
    columns = ["fewer than", "parameters", "epochs", "last epoch", "one a seed"]
    columns += ["these seeds in 20 epochs", "Δ [95 % interval]"]
    return Table(columns, rows)


def common() -> Table:
    """The settings that all of the frontier's recipes share."""
    used = switched_on(LARGEST.settings())
    shared = [name for name in used if name not in ("stages", *_own())]
    return Table(["setting", "value"], [[name, formatted(used[name])] for name in shared])


def _own() -> list[str]:
    """Names of the settings, besides the network, in which the frontier's recipes differ."""
    every = [recipe.settings() for recipe in FRONTIER.values()]
    return [name for name in every[0] if name != "stages" and len({one[name] for one in every}) > 1]


def ablation() -> Table:
    """One change at a time to the network of 8,000 parameters, on validation, best first.

    A difference is over the seeds that both were trained with; without one there is no row.
    """
    tried = validation.found(ABLATED)
    if validation.AS_CHOSEN not in tried:
        raise BadResult(f"nothing to compare with: python -m utils.lab choose {ABLATED}")
    as_chosen = tried[validation.AS_CHOSEN]
    rows = []
    for change, found in tried.items():
        if not (seeds := sorted(found.keys() & as_chosen.keys())):
            continue
        before, after = ([values[seed] for seed in seeds] for values in (as_chosen, found))
        gap = mean(after) - mean(before)
        known = signed(paired_difference(before, after)) if len(seeds) > 1 else f"{gap:+.2f}"
        pairs = ", ".join(f"{b:.2f} → {a:.2f}" for b, a in zip(before, after, strict=True))
        if change == validation.AS_CHOSEN:
            known, pairs = "", ", ".join(f"{value:.2f}" for value in after)
        rows.append((gap, [change, pairs, known]))
    rows.sort(key=lambda row: -row[0])
    columns = ["changed", "validation accuracy, seed by seed", "Δ [95 % interval]"]
    return Table(columns, [cells for _, cells in rows])


def published() -> Table:
    """What others wrote of single runs, beside the line from mean to mean of ours.

    ``doubt`` says why a figure cannot stand beside the others.
    """
    found = elsewhere()
    ours = line([one["parameters"] for one in found])
    rows = [
        [
            f"{one['parameters']:,}",
            f"{one['accuracy']:.2f}",
            f"{one['accuracy'] - height:+.2f}",
            f"[{one['source'].removeprefix('https://github.com/')}]({one['source']})"
            if one["source"].startswith("https://")
            else one["source"],
            one["where"],
            one["protocol"],
            one.get("doubt", ""),
        ]
        for one, height in zip(found, ours, strict=True)
    ]
    columns = ["parameters", "accuracy", "less our line", "source", "where", "its epoch", "doubt"]
    return Table(columns, rows)


def line(sizes: ArrayLike) -> np.ndarray:
    """The line of the picture at ``sizes``, numbers of parameters: straight from network to
    network, in the logarithm of the parameters."""
    known = [designs.parameters(recipe) for recipe in FRONTIER.values()]
    heights = [mean(last(recipe)) for recipe in FRONTIER.values()]
    return np.interp(np.log(sizes), np.log(known), heights)


def mistakes() -> Mistakes:
    """What seed 0 of the largest network gets wrong."""
    return Mistakes.from_lists(results.reported(LARGEST.name)[0]["misclassified"])


def mistakes_read() -> Table:
    """How many of them people get wrong as well."""
    wrong = mistakes()
    return label_errors.table(
        dict(zip(wrong.indices.tolist(), wrong.predictions.tolist(), strict=True))
    )


# --------------------------------------------------------------------------- the pictures


def mistakes_picture(images: data.ImageSet) -> Figure:
    """The largest network's mistakes; those are marked in which people do not see the label."""
    if not images.is_mnist:
        raise ValueError(f"this is {images.name}: the recorded mistakes are MNIST's")
    wrong, errors = mistakes(), label_errors.label_errors()
    starred = len(errors & set(wrong.indices.tolist()))
    finding = f"{len(wrong)} of 10,000 wrong; * {starred} whose label most readers do not see"
    options = {"rows": -(-len(wrong) // 10), "marked": errors}
    return plots.misclassified(images.test_images, wrong, images.name, finding, **options)


def picture() -> Figure:
    """Ours on a line, mean ± deviation, and the published single runs that were found."""
    ours = {f"{limit:,}": (designs.parameters(r), last(r)) for limit, r in FRONTIER.items()}
    clear, doubtful = (
        [(one["parameters"], one["accuracy"]) for one in elsewhere() if ("doubt" in one) == doubted]
        for doubted in (False, True)
    )
    published = {
        "this course's published designs: one run, mostly its best epoch on the test set": [
            (e.published.parameters, e.published.test)
            for e in catalogue.EXPERIMENTS.values()
            if e.published
        ],
        "published elsewhere: one run, its last epoch or its best": clear,
        "published elsewhere, with a doubt that the table states": doubtful,
    }
    return comparisons.frontier(ours, published, finding())


def last(recipe: Recipe) -> Sequence[float]:
    return results.last_accuracies(recipe.name)


def smallest() -> Recipe | None:
    """The smallest of them whose mean is enough; ``None`` where none is."""
    enough = (r for r in FRONTIER.values() if reaches(mean(last(r)), ENOUGH))
    return min(enough, key=designs.parameters, default=None)


def finding() -> str:
    """The frontier in one line."""
    recipe = smallest()
    text = f"{designs.parameters(LARGEST):,} average {mean(last(LARGEST)):.2f} %"
    of = f"of {len(FRONTIER)} sizes"
    if recipe is None:
        return f"None {of} averages {ENOUGH:.2f} %; {text}"
    size = designs.parameters(recipe)
    return f"The smallest {of} to average {ENOUGH:.2f} % has {size:,} parameters; {text}"
