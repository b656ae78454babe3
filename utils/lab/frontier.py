"""How accurate a network of a given size can be: tables and pictures of the frontier's recipes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import mean

from matplotlib.figure import Figure

from utils import comparisons, data, models, plots, receptive_field, recipes
from utils.lab import choices, designs, results, votes
from utils.lab.statistics import estimate, mean_std, paired_difference, reaches, signed
from utils.recipes import FRONTIER, LONG, PUBLISHED, TARGETS, Recipe
from utils.tables import Table
from utils.training import Mistakes

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
    columns = ["fewer than", "network", *_own(), "parameters", "receptive field"]
    columns += ["million multiply-adds", "last epoch", "lowest, highest", "target", "reached"]
    return Table(columns, [_row(limit, recipe) for limit, recipe in FRONTIER.items()])


def _row(limit: int, recipe: Recipe) -> list:
    model = recipes.build_model(recipe)
    values, target = results.last_accuracies(recipe.name), TARGETS[recipe.name]
    return [
        f"{limit:,}",
        f"`{recipe.stages}`",
        *(recipes.shown(recipe.settings()[name]) for name in _own()),
        f"{models.count_parameters(model):,}",
        receptive_field.final(model),
        f"{models.count_multiply_adds(model) / 1e6:.2f}",
        mean_std(estimate(values), 3).replace(" ", "\u00a0"),
        f"{min(values):.2f}, {max(values):.2f}",
        f"≥ {target:.2f}",
        designs.verdict(mean(values), target),
    ]


def longer() -> Table:
    """The same networks without the limit of 20 epochs, and what that adds."""
    rows = []
    for limit, recipe in LONG.items():
        values, before = last(recipe), last(FRONTIER[limit])
        n = min(len(values), len(before))
        rows.append(
            [
                f"{limit:,}",
                f"{designs.parameters(recipe):,}",
                recipe.epochs,
                mean_std(estimate(values), 3).replace(" ", "\u00a0"),
                ", ".join(f"{value:.2f}" for value in values),
                signed(paired_difference(before[:n], values[:n])),
            ]
        )
    columns = ["fewer than", "parameters", "epochs", "last epoch", "one a seed"]
    return Table([*columns, "Δ to 20 epochs [95 % interval]"], rows)


def common() -> Table:
    """The settings that all of the frontier's recipes share."""
    used = results.switched_on(LARGEST.settings())
    shared = [name for name in used if name not in ("stages", *_own())]
    return Table(["setting", "value"], [[name, recipes.shown(used[name])] for name in shared])


def _own() -> list[str]:
    """Names of the settings, besides the network, in which the frontier's recipes differ."""
    every = [recipe.settings() for recipe in FRONTIER.values()]
    return [name for name in every[0] if name != "stages" and len({one[name] for one in every}) > 1]


def ablation() -> Table:
    """One change at a time to the network of 8,000 parameters, on validation, best first.

    A difference is over the seeds that both were trained with; without one there is no row.
    """
    tried = choices.found(ABLATED)
    if choices.AS_CHOSEN not in tried:
        raise results.BadResult(f"nothing to compare with: python -m utils.lab choose {ABLATED}")
    as_chosen = tried[choices.AS_CHOSEN]
    rows = []
    for change, found in tried.items():
        if not (seeds := sorted(found.keys() & as_chosen.keys())):
            continue
        before, after = ([values[seed] for seed in seeds] for values in (as_chosen, found))
        gap = mean(after) - mean(before)
        known = signed(paired_difference(before, after)) if len(seeds) > 1 else f"{gap:+.2f}"
        one_each = ", ".join(f"{value:.2f}" for value in found.values())
        told = "" if change == choices.AS_CHOSEN else known
        rows.append((gap, [change, f"{mean(found.values()):.2f}", one_each, told]))
    rows.sort(key=lambda row: -row[0])
    columns = ["changed", "validation accuracy", "one a seed", "Δ [95 % interval]"]
    return Table(columns, [cells for _, cells in rows])


def published() -> Table:
    """The published runs of the picture that are none of this course's designs."""
    rows = [
        [
            f"{one['parameters']:,}",
            f"{one['accuracy']:.2f}",
            f"[{one['source'].removeprefix('https://github.com/')}]({one['source']})"
            if one["source"].startswith("https://")
            else one["source"],
            one["where"],
            one["protocol"],
        ]
        for one in elsewhere()
    ]
    return Table(["parameters", "accuracy", "source", "where", "its epoch"], rows)


def mistakes() -> Mistakes:
    """What seed 0 of the largest network gets wrong."""
    return Mistakes.from_lists(results.reported(LARGEST.name)[0]["misclassified"])


def mistakes_read() -> Table:
    """How many of them people get wrong as well."""
    return votes.table(mistakes().indices.tolist())


# --------------------------------------------------------------------------- the pictures


def mistakes_picture(images: data.ImageSet) -> Figure:
    """The largest network's mistakes; those are marked in which people do not see the label."""
    if not images.is_mnist:
        raise ValueError(f"this is {images.name}: the recorded mistakes are MNIST's")
    wrong, errors = mistakes(), votes.label_errors()
    starred = len(errors & set(wrong.indices.tolist()))
    finding = f"{len(wrong)} of 10,000 wrong, * {starred} of them with a label that most readers"
    finding += " do not see"
    options = {"rows": -(-len(wrong) // 10), "marked": errors}
    return plots.misclassified(images.test_images, wrong, images.name, finding, **options)


def picture() -> Figure:
    """Ours on a line, mean ± deviation, and every published run that is known."""
    ours = {f"{limit:,}": (designs.parameters(r), last(r)) for limit, r in FRONTIER.items()}
    published = {
        "this course's published designs: one run, mostly its best epoch on the test set": [
            (one.parameters, one.test) for one in PUBLISHED.values()
        ],
        "published elsewhere: one run, mostly its best epoch on the test set": [
            (one["parameters"], one["accuracy"]) for one in elsewhere()
        ],
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
    text = f"{mean(last(LARGEST)):.2f} % with {designs.parameters(LARGEST):,} parameters"
    if recipe is None:
        return f"{text}; none reaches {ENOUGH:.2f} % on average"
    return f"{ENOUGH:.2f} % on average takes {designs.parameters(recipe):,} parameters here; {text}"
