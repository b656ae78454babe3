"""The records of speed, one dated folder each: what was run, what came out, and the race.

A folder in assets/records is written once, when a record is set, and stays as it is: recorded
runs may be made again later and races measured on another machine, but what a record was claimed
with does not change.
"""

from __future__ import annotations

from pathlib import Path

from utils import models
from utils.experiments import catalogue
from utils.lab.report import speed
from utils.lab.report.intervals import claim, estimate, level_of, p_value
from utils.lab.runs import results
from utils.lab.runs.results import history_of
from utils.lab.timing.benchmark import BASELINE, ENTRANTS
from utils.recipes import Recipe, build_model, switched_on
from utils.support.files import read_json, write_json, write_text
from utils.support.paths import ASSETS
from utils.support.tables import Table

FOLDER = ASSETS / "records"
LEAST = 99.40  # per cent, the mean that every record so far was to show
COLUMNS = ("seed", "epoch", "images", "lr", "train loss", "train accuracy", "test accuracy")


def write(recipe: Recipe, race: dict, folder: Path = FOLDER) -> Path:
    """Write the record of ``recipe`` from its recorded runs and the ``race`` it took part in.

    Raises ``ValueError`` where it took no part, its runs do not show its target, or a record of it
    is written already, and ``BadResult`` where a run is not what is reported.
    """
    entrant = next((name for name, racer in ENTRANTS.items() if racer == recipe), None)
    if entrant not in race["race"] or recipe.name not in race["epochs"]:
        raise ValueError(
            f"{recipe.name} has a place in the race only if it is one of "
            f"{', '.join(r.name for r in ENTRANTS.values())}: race it first"
        )
    known = catalogue.get(recipe.name)
    runs = {run["seed"]: run for run in results.reported(recipe.name)}
    reached = estimate([run["test_accuracy_last"] for run in runs.values()])
    if known.target is None:
        raise ValueError(f"{recipe.name} is no record: it has no target")
    if not reached.shows(known.target, level_of(known.tries)):
        raise ValueError(f"{recipe.name} is no record: {claim(reached, known.target, known.tries)}")
    if known.target != LEAST:  # the table has one column for it
        raise ValueError(f"{recipe.name} is a record of {known.target:.2f}, the others of {LEAST}")
    if written := list(folder.glob(f"*-{recipe.name}/record.json")):
        raise ValueError(f"{written[0].parent} is written already: a record does not change")
    date = max(run["finished"] for run in runs.values())[:10]
    path = folder / f"{date}-{recipe.name}"
    record = {
        "name": recipe.name,
        "title": recipe.title,
        "date": date,
        "recipe": switched_on(recipe.settings()),
        "parameters": models.count_parameters(build_model(recipe)),
        "seeds": len(runs),
        "mean": round(reached.mean, 4),
        "deviation": round(reached.std, 4),
        f"p of a mean below {known.target:.2f}": reached.p_at_least(known.target),
        "commits": sorted({run["git_commit"] for run in runs.values()}),
        "machines": sorted({run["machine"] for run in runs.values()}),
        "entrant": entrant,
        "race": {key: race[key] for key in ("machine", "threads", "git_commit", "race")},
    }
    write_text(_log(runs), path / "log.csv")
    write_json(record, path / "record.json")
    return path


def _log(runs: dict[int, dict]) -> str:
    """Every epoch of every seed, as comma-separated values."""
    rows = [COLUMNS]
    for seed, run in runs.items():
        history = history_of(run)
        columns = (history.images_per_epoch, history.lr, history.train_loss)
        columns += (history.train_accuracy, history.test_accuracy)
        for epoch, (images, lr, *rest) in enumerate(zip(*columns, strict=True), 1):
            loss, train, test = rest
            rows.append((seed, epoch, images, f"{lr:.6f}", f"{loss:.5f}", f"{train:.3f}", test))
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def read(folder: Path = FOLDER) -> list[dict]:
    """Every record, the oldest first."""
    paths = sorted(folder.glob("*/record.json"))
    return [read_json(path) for path in paths]


def table(found: list[dict] | None = None) -> Table:
    """The records one after the other: seconds are those of each one's own race."""
    rows = []
    for record in read() if found is None else found:
        took = speed.seconds(record["race"]).median()
        seconds = took[record["entrant"]]
        rows.append(
            {
                "set on": record["date"],
                "record": record["title"],
                "parameters": f"{record['parameters']:,}",
                "last epoch": f"{record['mean']:.3f} ± {record['deviation']:.3f}",
                "seeds": record["seeds"],
                f"at least {LEAST:.2f}": p_value(record[f"p of a mean below {LEAST:.2f}"]),
                "seconds": f"{seconds:.1f}",
                "times faster than design A's usual version": f"{took[BASELINE] / seconds:.1f}",
                "machine of the race": record["race"]["machine"],
            }
        )
    return Table.of(rows)
