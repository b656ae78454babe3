"""The tables and figures of README.md and RESULTS.md, made from the recorded runs alone.

``write()`` rewrites the text between ``<!-- begin:NAME -->`` and ``<!-- end:NAME -->`` in both and,
through ``figures``, the pictures in assets/figures.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from utils import models, receptive_field
from utils.experiments import catalogue
from utils.experiments.frontier import FRONTIER
from utils.experiments.speed import SPEEDRUN
from utils.experiments.steps import STEPS, previous
from utils.lab.report import choices, designs, figures, frontier, speed, steps, studies
from utils.lab.report.intervals import estimate, mean_std
from utils.lab.report.paired import DELTA, gap, last, parameters
from utils.lab.runs import results
from utils.lab.timing import recorded
from utils.recipes import build_model
from utils.support.files import write_text
from utils.support.paths import ROOT
from utils.support.tables import Table

README, RESULTS = ROOT / "README.md", ROOT / "RESULTS.md"
MARKER = re.compile(r"<!-- (?:begin|end):\S+ -->")
# Between its markers one block of lines, with no blank one: anything else is somebody's text.
SECTION = re.compile(
    r"(<!-- begin:(?P<name>\S+) -->)"
    rf"\s*(?:(?!{MARKER.pattern}|\n\s*\n).)*\s*"
    r"(<!-- end:(?P=name) -->)",
    re.S,
)


def findings() -> str:
    """The lines at the head of the README, in words that need no explanation."""
    first, best = STEPS[0], STEPS[-1]
    before, after = (mean_std(estimate(last(step))) for step in (first, best))
    added = [(results.best_accuracies(step.name) - last(step)).mean() for step in (first, best)]
    gains = [f"{step.title.lower()} {gap(previous(step), step)}" for step in STEPS[1:]]
    race, record = speed.read(), estimate(last(SPEEDRUN))
    seconds = speed.seconds(race).median()
    usual = race["race"][speed.BASELINE][0]["accuracy"]
    small, large = FRONTIER[min(FRONTIER)], frontier.LARGEST
    ends = [
        f"{parameters(n):,} parameters reach {mean_std(estimate(last(n)))} %"
        for n in (small, large)
    ]
    return f"""\
- After the last step a network of {parameters(best):,} parameters reads **{after} %** of the test \
digits, the one of the first step {before} % (mean ± standard deviation of \
{len(last(best))} trainings).
- What each step brings, in percentage points, with 95 % intervals: {"; ".join(gains)}.
- Published versions quote the best test accuracy seen during training. Here that adds \
{added[0]:.2f} points to the first step and {added[1]:.2f} to the last, with the same networks.
- A training of **{seconds[speed.RECORD]:.1f} seconds** ({race["machine"]}) reaches \
**{mean_std(record)} %** ({record.n} trainings). A published network, trained the usual way, takes \
{seconds[speed.BASELINE]:.0f} seconds and reaches {usual:.2f} % (one training).
- {", ".join(ends)} ({len(last(large))} trainings each)."""


def machine() -> str:
    """What the recorded runs were made on, and how long all of them took."""
    recipes = [experiment.recipe for experiment in catalogue.EXPERIMENTS.values()]
    runs = [run for recipe in recipes for run in results.recorded(recipe).values()]
    hours, versions = sum(run["seconds"] for run in runs) / 3600, runs[0]["versions"]
    machines = Counter(run["machine"] for run in runs)
    where = " and ".join(f"{n} on {machine}" for machine, n in machines.items())
    return (
        f"{len(runs)} runs of one thread, {hours:.1f} hours in all: {where}; "
        f"Python {versions['python']}, torch {versions['torch']}."
    )


def short_experiments() -> Table:
    """The steps' table as the README has room for it."""
    names = {
        "step": "step",
        "the one change": "what changes",
        "test": "accuracy",
        DELTA: "gain [95 % interval]",
        "best epoch: mean (highest)": "best epoch (highest)",
        "published": "published",
    }
    table = _only(steps.experiments(), names)
    plain = [[str(cell).replace("**", "") for cell in row] for row in table.rows]
    return Table(list(names.values()), plain)


def frontier_sizes() -> Table:
    """The frontier's table without what was aimed at, which stays in its notebook."""
    table = frontier.table()
    return _only(table, [name for name in table.columns if name not in ("target", "reached")])


def _only(table: Table, columns: Iterable[str]) -> Table:
    at = [table.columns.index(name) for name in columns]
    return Table(list(columns), [[row[i] for i in at] for row in table.rows])


def sections() -> dict[str, dict[str, str]]:
    """Everything between markers, by document and marker name."""
    model = build_model(steps.BEST)
    first_run = results.reported(steps.BEST.name)[0]
    made = {
        README.name: {"findings": findings(), "experiments": short_experiments()},
        RESULTS.name: {
            "steps": steps.experiments(),
            "halves": studies.halves(),
            "square": studies.augmentation_by_schedule(),
            "engines": studies.engines(),
            "machine": machine(),
            "designs": designs.side_by_side(),
            "speed": speed.finding(),
            "race": speed.race(),
            "speed-chain": speed.chain(),
            "loading": recorded.ratios(),
            "frontier": f"{frontier.finding()}.",
            "frontier-sizes": frontier_sizes(),
            "frontier-longer": frontier.longer(),
            "choices": choices.table(step.name for step in STEPS),
            "summary": f"```text\n{models.summary(model)}\n```",
            "receptive-field": receptive_field.table(model),
            "training-log": results.history_of(first_run).table(),
        },
    }
    return {
        document: {name: str(section) for name, section in named.items()}
        for document, named in made.items()
    }


def updated(text: str, made: dict[str, str], document: str = README.name) -> str:
    """``text`` with every section of ``made``; ``ValueError`` where the markers do not fit.

    Nothing but sections is replaced: markers with other text between them are an error.
    """
    if astray := MARKER.search(SECTION.sub("", text)):
        raise ValueError(f"{document}: {astray[0]} and its other half enclose more than a section")
    names = [found["name"] for found in SECTION.finditer(text)]
    if sorted(names) != sorted(made):
        odd = [name for name in {*names, *made} if names.count(name) != (name in made)]
        raise ValueError(f"{document}: markers at odds with sections: {', '.join(sorted(odd))}")
    return SECTION.sub(lambda found: f"{found[1]}\n\n{made[found['name']]}\n\n{found[3]}", text)


def write() -> None:
    """Rewrite the sections and the figures that have changed, and say which did.

    Raises ``BadResult`` where a recorded run is stale.
    """
    results.check_fresh()
    made = sections()
    texts = {}
    for path in (README, RESULTS):
        before = path.read_text(encoding="utf-8")
        after = updated(before, made[path.name], path.name)
        if after != before:
            texts[path] = after
    changed = figures.write()
    for path, text in texts.items():
        write_text(text, path)
        changed.append(path.name)
    print(f"rewritten: {', '.join(changed) or 'nothing, all is as recorded'}")
