"""The README's tables and figures, made from the recorded runs and from nothing else.

``write()`` rewrites the text between ``<!-- begin:NAME -->`` and ``<!-- end:NAME -->`` in
README.md and, through ``figures``, the pictures in assets/figures.
"""

from __future__ import annotations

import re

import numpy as np

from utils import models, receptive_field
from utils.experiments import catalogue
from utils.experiments.steps import STEPS, previous
from utils.experiments.studies import STOCK_ENGINE
from utils.lab.report import designs, figures, frontier, speed, steps
from utils.lab.report.intervals import estimate, mean_std, paired_difference, signed
from utils.lab.runs import results, validation
from utils.lab.timing import recorded
from utils.recipes import build_model
from utils.support import paths
from utils.support.files import replacing
from utils.support.tables import Table

ROOT = paths.ROOT
README = ROOT / "README.md"


# --------------------------------------------------------------------------- words and numbers


# --------------------------------------------------------------------------- the tables


def engines() -> Table:
    """Test accuracy with either augmentation engine, paired by seed."""
    rows, before, after = [], [], []
    for batched, stock in STOCK_ENGINE.items():
        accuracies = [
            mean_std(estimate(results.last_accuracies(recipe.name)), 3)
            for recipe in (stock, batched)
        ]
        parameters = f"{designs.parameters(batched):,}"
        rows.append([batched.title, parameters, *accuracies, steps.difference(stock, batched)])
        before.append(results.last_accuracies(stock.name))
        after.append(results.last_accuracies(batched.name))
    # One value a seed, since a seed's runs share their order of images.
    gap = signed(paired_difference(np.mean(before, 0), np.mean(after, 0)))
    rows.append(["mean of all, by seed", "", "", "", gap])
    columns = ["trained", "parameters", "albumentations, image by image", "batched tensors"]
    return Table([*columns, "Δ [95 % interval]"], rows)


def findings() -> str:
    """The lines at the head of the README."""
    first, last = STEPS[0], STEPS[-1]
    start, end = (estimate(results.last_accuracies(step.name)) for step in (first, last))
    peeks = [
        estimate(results.best_accuracies(step.name)).mean
        - estimate(results.last_accuracies(step.name)).mean
        for step in (first, last)
    ]
    steps_up = [
        f"{recipe.title.lower()} {steps.difference(previous(recipe), recipe)}"
        for recipe in STEPS[1:]
    ]
    return "\n".join(
        [
            f"- Four steps take a {models.count_parameters(build_model(last)):,}-parameter "
            f"network from {mean_std(start)} % to **{mean_std(end)} %** test accuracy "
            f"({end.n} seeds, last epoch, the test set read for reporting only).",
            f"- What each change brought, in points: {'; '.join(steps_up)}.",
            f"- The published networks trained alike, in points: {designs.what_size_brings()}.",
            f"- Quoting the best epoch on the test set, as is usual, would have added "
            f"{peeks[0]:.2f} points to the first step and {peeks[1]:.2f} to the last, with no "
            f"better network behind them. The mean over all runs is "
            f"{designs.means_in_words(designs.peeks())}.",
            f"- {speed.finding()}",
            f"- {frontier.finding()}.",
        ]
    )


def machine() -> str:
    """What the recorded runs were made on, and how long all of them took."""
    runs = [
        run
        for r in (e.recipe for e in catalogue.EXPERIMENTS.values())
        for run in results.recorded(r).values()
    ]
    first, versions = runs[0], runs[0]["versions"]
    hours = sum(run["seconds"] for run in runs) / 3600
    return (
        f"{len(runs)} runs of one thread, {hours:.1f} hours in all, on {first['machine']}; "
        f"Python {versions['python']}, "
        f"torch {versions['torch']}."
    )


def code_block(text: str) -> str:
    return f"```text\n{text}\n```"


def sections() -> dict[str, str]:
    """Everything between markers in the README, by marker name."""
    model = build_model(figures.BEST)
    return {
        "findings": findings(),
        "experiments": steps.experiments().markdown(),
        "targets": steps.targets().markdown(),
        "engines": engines().markdown(),
        "machine": machine(),
        "designs": designs.side_by_side().markdown(),
        "design-targets": designs.targets().markdown(),
        "speed": speed.finding(),
        "race": speed.race().markdown(),
        "speed-chain": speed.chain().markdown(),
        "speed-targets": speed.targets().markdown(),
        "loading": recorded.ratios().markdown(),
        "frontier": f"{frontier.finding()}.",
        "frontier-sizes": frontier.table().markdown(),
        "frontier-longer": frontier.longer().markdown(),
        "choices": validation.table(figures.STEP_NAMES).markdown(),
        "summary": code_block(models.summary(model)),
        "receptive-field": receptive_field.table(model).markdown(),
        "training-log": results.history_of(results.reported(figures.BEST.name)[0])
        .table()
        .markdown(),
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


# --------------------------------------------------------------------------- the files


def write() -> None:
    """Rewrite the README's sections and every figure."""
    figures.write()
    text = updated(README.read_text())
    with replacing(README) as temporary:
        temporary.write_text(text)
