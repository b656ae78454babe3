"""The README's tables and figures, made from the recorded runs and from nothing else.

``write()`` rewrites the text between ``<!-- begin:NAME -->`` and ``<!-- end:NAME -->`` in
README.md and, through ``figures``, the pictures in assets/figures.
"""

from __future__ import annotations

import re

from utils import models, receptive_field
from utils.experiments import catalogue
from utils.experiments.steps import STEPS, previous
from utils.lab.report import choices, designs, figures, frontier, speed, steps, studies
from utils.lab.report.intervals import estimate, mean_std
from utils.lab.report.paired import gap, last, parameters
from utils.lab.runs import results
from utils.lab.timing import recorded
from utils.recipes import build_model
from utils.support.files import replacing
from utils.support.paths import ROOT

README = ROOT / "README.md"
MARKER = re.compile(r"<!-- (?:begin|end):\S+ -->")
# Between its markers one block of lines, with no blank one: anything else is somebody's text.
SECTION = re.compile(
    r"(<!-- begin:(?P<name>\S+) -->)"
    rf"\s*(?:(?!{MARKER.pattern}|\n\s*\n).)*\s*"
    r"(<!-- end:(?P=name) -->)",
    re.S,
)


def findings() -> str:
    """The lines at the head of the README."""
    first, best = STEPS[0], STEPS[-1]
    before, after = (mean_std(estimate(last(step))) for step in (first, best))
    added = [(results.best_accuracies(step.name) - last(step)).mean() for step in (first, best)]
    gains = [f"{step.title.lower()} {gap(previous(step), step)}" for step in STEPS[1:]]
    return f"""\
- Four steps take a {parameters(best):,}-parameter network from {before} % to **{after} %** test \
accuracy ({len(last(best))} seeds, last epoch, the test set read for reporting only).
- What each change brought, in points: {"; ".join(gains)}.
- The published networks trained alike, in points: {designs.what_size_brings()}.
- Quoting the best epoch on the test set, as is usual, would have added {added[0]:.2f} points to \
the first step and {added[1]:.2f} to the last, with no better network behind them. The mean over \
all runs is {studies.what_the_best_epoch_adds()}.
- {speed.finding()}
- {frontier.finding()}."""


def machine() -> str:
    """What the recorded runs were made on, and how long all of them took."""
    recipes = [experiment.recipe for experiment in catalogue.EXPERIMENTS.values()]
    runs = [run for recipe in recipes for run in results.recorded(recipe).values()]
    hours, versions = sum(run["seconds"] for run in runs) / 3600, runs[0]["versions"]
    return (
        f"{len(runs)} runs of one thread, {hours:.1f} hours in all, on {runs[0]['machine']}; "
        f"Python {versions['python']}, torch {versions['torch']}."
    )


def sections() -> dict[str, str]:
    """Everything between markers in the README, by marker name."""
    model = build_model(steps.BEST)
    first_run = results.reported(steps.BEST.name)[0]
    made = {
        "findings": findings(),
        "experiments": steps.experiments(),
        "targets": steps.targets(),
        "engines": studies.engines(),
        "machine": machine(),
        "designs": designs.side_by_side(),
        "design-targets": designs.targets(),
        "speed": speed.finding(),
        "race": speed.race(),
        "speed-chain": speed.chain(),
        "speed-targets": speed.targets(),
        "loading": recorded.ratios(),
        "frontier": f"{frontier.finding()}.",
        "frontier-sizes": frontier.table(),
        "frontier-longer": frontier.longer(),
        "choices": choices.table(step.name for step in STEPS),
        "summary": f"```text\n{models.summary(model)}\n```",
        "receptive-field": receptive_field.table(model),
        "training-log": results.history_of(first_run).table(),
    }
    return {name: str(section) for name, section in made.items()}


def updated(text: str) -> str:
    """``text`` with every section rewritten; ``ValueError`` where the markers do not fit.

    Nothing but sections is replaced: markers with other text between them are an error.
    """
    made = sections()
    if astray := MARKER.search(SECTION.sub("", text)):
        raise ValueError(f"README.md: {astray[0]} and its other half enclose more than a section")
    names = [found["name"] for found in SECTION.finditer(text)]
    if sorted(names) != sorted(made):
        odd = [name for name in {*names, *made} if names.count(name) != (name in made)]
        raise ValueError(f"README.md: markers at odds with sections: {', '.join(sorted(odd))}")
    return SECTION.sub(lambda found: f"{found[1]}\n\n{made[found['name']]}\n\n{found[3]}", text)


def write() -> None:
    """Rewrite the README's sections and the figures that have changed, and say which did.

    Raises ``BadResult`` where a recorded run is stale.
    """
    results.check_fresh()
    before = README.read_text(encoding="utf-8")
    after = updated(before)
    changed = figures.write()
    if after != before:
        with replacing(README) as temporary:
            temporary.write_text(after, encoding="utf-8")
        changed.append(README.name)
    print(f"rewritten: {', '.join(changed) or 'nothing, all is as recorded'}")
