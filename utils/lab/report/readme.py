"""The tables and figures of README.md and RESULTS.md, made from the recorded runs alone.

``write()`` rewrites what stands between ``<!-- begin:NAME -->`` and ``<!-- end:NAME -->`` in
README.md, all of RESULTS.md and of the card in assets/weights, and through ``figures`` the pictures
in assets/figures.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from utils import models, receptive_field
from utils.experiments import catalogue
from utils.experiments.robust import ROBUST
from utils.experiments.steps import STEPS
from utils.lab.report import (
    beyond,
    card,
    choices,
    designs,
    few_bytes,
    figures,
    frontier,
    headlines,
    records,
    replication,
    robust,
    second_freeze,
    speed,
    steps,
    studies,
)
from utils.lab.runs import audit, kept, results
from utils.lab.runs.job import images_of
from utils.lab.timing import benchmark
from utils.recipes import build_model
from utils.support.files import sweep, write_text
from utils.support.paths import ROOT
from utils.support.tables import Table

README, RESULTS = ROOT / "README.md", ROOT / "RESULTS.md"
TEMPLATE = Path(__file__).with_name("RESULTS.template.md")  # the words around RESULTS' tables
# What a page of 830 pixels has room for.
FIELD = ("operation", "n_out", "ch_out", "kernel", "stride", "padding", "j_out", "r_out")
LOG = ("Epoch", "LR", "Time", "TrainLoss", "TrainAcc", "ValLoss", "ValAcc")
PLACE = re.compile(r"\{\{([\w-]+)\}\}")
MARKER = re.compile(r"<!-- (?:begin|end):\S+ -->")
# Between its markers one block of lines, with no blank one: anything else is somebody's text.
SECTION = re.compile(
    r"(<!-- begin:(?P<name>\S+) -->)"
    rf"\s*(?:(?!{MARKER.pattern}|\n\s*\n).)*\s*"
    r"(<!-- end:(?P=name) -->)",
    re.S,
)


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


def readme_sections() -> dict[str, str]:
    """Everything between the README's markers, by name."""
    table = steps.short()
    unbroken = re.sub(r"(\[[-+]\S+,) (?=[-+])", "\\1\u00a0", str(Table(table.columns, table.rows)))
    made = {"networks": str(headlines.networks()), "findings": headlines.findings()}
    return made | {"experiments": unbroken, "chance": table.note}


def results_sections() -> dict[str, str]:
    """Everything that the words of RESULTS.md leave a place for, by name."""
    model = build_model(steps.BEST)
    first_run = results.reported(steps.BEST.name)[0]
    made = {
        "steps": steps.experiments(),
        "costs": steps.costs(),
        "designs": without(designs.side_by_side(), "best epoch"),
        "texts": designs.texts(),
        "first-build": benchmark.since_first_build(),
        "epochs-machine": benchmark.read()["recipes"]["machine"],
        "speed": speed.finding(),
        "speed-tries": speed.tries(),
        "race": speed.race(),
        "records": without(records.table(), "parameters"),
        "speed-chain": without(speed.chain(), speed.BEATS),
        "loading": benchmark.ratios(),
        "frontier": f"{frontier.finding()}.",
        "frontier-second": second_freeze.short(),
        "frontier-otherwise": second_freeze.otherwise(),
        "frontier-freezes": without(second_freeze.two_freezes(), second_freeze.BEATS),
        "frontier-targets": frontier.targets_shown(),
        "frontier-sizes": frontier.sizes(),
        "frontier-longer": frontier.longer(),
        "bytes": few_bytes.short(),
        "bytes-published": few_bytes.published(),
        "beyond": beyond.by_corruption((*STEPS, ROBUST)),
        "beyond-errors": without(beyond.errors(), "parameters"),
        "beyond-gains": beyond.gains(),
        "beyond-robust": without(robust.against(), "parameters", "seeds", robust.BEATS),
        "robust-verdict": robust.verdict(),
        "summary": f"```text\n{models.summary(model)}\n```",
        "receptive-field": receptive_field.table(model).only(*FIELD),
        "training-log": results.history_of(first_run).table().only(*LOG),
        "choices": choices.table(step.name for step in STEPS),
        "earlier": choices.earlier(),
        "replication": replication.table(),
        "replication-gains": replication.gains(),
        "halves": studies.halves(),
        "square": studies.augmentation_by_schedule(),
        "engines": studies.engines(),
        "machine": machine(),
    }
    return {name: str(section) for name, section in made.items()}


def without(table: Table, *columns: str) -> Table:
    """What a page has room for of ``table``; what is left out stands elsewhere."""
    return table.only(*(name for name in table.columns if name not in columns))


def contents(template: str) -> str:
    """A link to each heading of ``template``, as GitHub names its anchors."""
    headings = re.findall(r"^## (.+)$", template, flags=re.M)
    return "\n".join(f"- [{heading}](#{anchor(heading)})" for heading in headings)


def anchor(heading: str) -> str:
    """The name that GitHub gives to a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def filled(template: str, made: dict[str, str], name: str = TEMPLATE.name) -> str:
    """``template`` with every place filled; ``ValueError`` where places and sections do not fit."""
    if odd := {*PLACE.findall(template)} ^ {*made}:
        raise ValueError(f"{name}: places at odds with sections: {', '.join(sorted(odd))}")
    return PLACE.sub(lambda place: made[place[1]], template)


def updated(text: str, made: dict[str, str]) -> str:
    """``text`` with every section of ``made``; ``ValueError`` where the markers do not fit.

    Nothing but sections is replaced: markers with other text between them are an error.
    """
    if astray := MARKER.search(SECTION.sub("", text)):
        raise ValueError(
            f"{README.name}: {astray[0]} and its other half enclose more than a section"
        )
    names = [found["name"] for found in SECTION.finditer(text)]
    if sorted(names) != sorted(made):
        odd = [name for name in {*names, *made} if names.count(name) != (name in made)]
        raise ValueError(f"{README.name}: markers at odds with sections: {', '.join(sorted(odd))}")
    return SECTION.sub(lambda found: f"{found[1]}\n\n{made[found['name']]}\n\n{found[3]}", text)


def pages() -> dict[Path, str]:
    """README.md, RESULTS.md and the card of the weights as the recorded runs have them."""
    text, words, about = (p.read_text(encoding="utf-8") for p in (README, TEMPLATE, card.TEMPLATE))
    return {
        README: updated(text, readme_sections()),
        RESULTS: filled(words, results_sections() | {"contents": contents(words)}),
        card.PATH: filled(about, {"networks": str(card.table())}, card.TEMPLATE.name),
    }


def write() -> None:
    """Rewrite the pages and the figures that have changed, gather networks, say what was written.

    Raises ``BadResult`` where a recorded run is stale or could not have been made, ``ValueError``
    without MNIST.
    """
    results.check_fresh()
    if reasons := audit.refused(images_of("mnist")):
        raise results.BadResult("\n".join(reasons))
    made = pages()
    gathered = [kept.gather(folder) for folder in sorted(results.FOLDER.glob("[!.]*/"))]
    changed = [f"networks of {path.parent.name}" for path in gathered if path] + figures.write()
    for path, text in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            sweep(path)
            write_text(text, path)
            changed.append(path.name)
    print(f"rewritten: {', '.join(changed) or 'nothing, all is as recorded'}")
