"""What is recorded, for the shell: ``list``, ``show`` and ``compare``."""

from __future__ import annotations

from pathlib import Path

from utils.experiments import catalogue
from utils.experiments.recorded import BadResult
from utils.lab.report.intervals import estimate, mcnemar, mean_std, paired_difference
from utils.lab.runs import progress, results, validation
from utils.recipes import Recipe, difference, formatted, in_words, recipe_hash
from utils.support.tables import Table


def listing(folder: Path = results.FOLDER) -> Table:
    """Every recipe: what is recorded, what is not to be used and why, what is being made."""
    making = [
        status["name"]
        for place in (folder, validation.FOLDER)
        for status in progress.running(place)
    ]
    rows = []
    for recipe in (e.recipe for e in catalogue.EXPERIMENTS.values()):
        good, bad = _sort(recipe, folder)
        here = [
            name.removeprefix(f"{recipe.name} ")
            for name in making
            if name.startswith(f"{recipe.name} ")
        ]
        rows.append(
            [
                recipe.name,
                recipe_hash(recipe),
                ", ".join(map(str, good)) or "none",
                ", ".join(here),
                "; ".join(f"seed {seed}: {reason}" for seed, reason in bad.items()),
            ]
        )
    return Table(["recipe", "hash", "recorded seeds", "running", "stale or unusable"], rows)


def _sort(recipe: Recipe, folder: Path) -> tuple[dict[int, dict], dict[int, str]]:
    """The runs of ``recipe`` that may be used, and why the others may not."""
    good, bad = {}, {}
    for path in sorted((folder / recipe.name).glob("seed-*.json")):
        seed = int(path.stem.removeprefix("seed-"))
        try:
            good[seed] = results.read(path, recipe, seed)
        except BadResult as error:
            bad[seed] = str(error).removeprefix(f"{path}: ")
    return dict(sorted(good.items())), dict(sorted(bad.items()))


def show(name: str, folder: Path = results.FOLDER) -> str:
    """One recipe: its settings, and every run of it."""
    recipe = catalogue.recipe(name)
    settings = [[key, formatted(value)] for key, value in recipe.settings().items()]
    good, bad = _sort(recipe, folder)
    rows = [
        [
            seed,
            f"{run['test_accuracy_last']:.2f}",
            f"{run['test_accuracy_best']:.2f}",
            len(run["misclassified"]["indices"]),
            f"{run['seconds']:.0f} s",
            run["machine"],
            run["git_commit"],
        ]
        for seed, run in good.items()
    ]
    columns = ["seed", "last epoch", "best epoch", "mistakes", "time", "machine", "commit"]
    parts = [
        f"{recipe.name}: {recipe.title}",
        Table(["setting", "value"], settings).markdown(),
        Table(columns, rows).markdown() if rows else "No run is recorded.",
        *(f"seed {seed}: {reason}" for seed, reason in bad.items()),
    ]
    if len(good) > 1:
        found = estimate([run["test_accuracy_last"] for run in good.values()])
        parts.append(
            f"Test accuracy, last epoch: {mean_std(found, 3)}, "
            f"95 % interval [{found.low:.3f}, {found.high:.3f}], {found.n} seeds."
        )
    return "\n\n".join(parts)


def compare(before: str, after: str, folder: Path = results.FOLDER) -> str:
    """Two recipes, seed by seed, and what may be claimed of their difference."""
    pair = [catalogue.recipe(name) for name in (before, after)]
    runs = [_sort(recipe, folder)[0] for recipe in pair]
    seeds = sorted(runs[0].keys() & runs[1].keys())
    if len(seeds) < 2:
        raise ValueError(
            f"{before} and {after} share {len(seeds)} recorded seeds, a comparison needs 2: "
            f"python -m utils.lab run {before} {after}"
        )
    rows = []
    for seed in seeds:
        one, other = runs[0][seed], runs[1][seed]
        test = mcnemar(one["misclassified"]["indices"], other["misclassified"]["indices"])
        accuracies = [run["test_accuracy_last"] for run in (one, other)]
        shown = [f"{value:.2f}" for value in accuracies]
        shown.append(f"{accuracies[1] - accuracies[0]:+.2f}")
        rows.append([seed, *shown, test.only_before, test.only_after, f"{test.p:.3f}"])
    columns = ["seed", before, after, "Δ", f"wrong only in {before}", f"only in {after}"]
    return "\n\n".join(
        [
            f"Settings: {in_words(difference(*pair)) or 'the same'}",
            Table([*columns, "p (McNemar)"], rows).markdown(),
            claim(before, after, [[run[seed] for seed in seeds] for run in runs]),
        ]
    )


def claim(before: str, after: str, runs: list[list[dict]]) -> str:
    """What the README may say of two recipes, from their runs with the same seeds."""
    gap = paired_difference(*([run["test_accuracy_last"] for run in side] for side in runs))
    interval = f"95 % interval [{gap.low:+.2f}, {gap.high:+.2f}], {gap.n} seeds"
    if not gap.excludes_zero:
        return f"No difference beyond noise: {after} less {before} is {gap.mean:+.2f} ({interval})."
    better = "better" if gap.mean > 0 else "worse"
    return f"{after} is {better} than {before} by {abs(gap.mean):.2f} points ({interval})."
