"""What became of each mean when all runs were made again: the same recipes, other seeds as well.

The first records were made by many commits, as the course grew, on one machine; the second by one
commit on another. Nothing was tuned in between, so the differences are a replication.
"""

from __future__ import annotations

import pandas as pd

from utils.experiments import catalogue
from utils.lab.report.intervals import Difference, estimate, mean_std, welch
from utils.lab.report.paired import noted
from utils.lab.runs import protocol, results
from utils.support.tables import Table


def table() -> Table:
    """First and second means of every recipe whose runs have been made again."""
    rows, reported = [], set(catalogue.reported())
    for name, first in protocol.first_records().items():
        if name not in reported:
            continue
        runs = results.reported(name)
        if runs[0]["machine"] == first["machine"]:
            continue
        old, new = pd.Series(first["last"]), results.last_accuracies(name)
        sides = [f"{mean_std(estimate(side), 3)} ({len(side)})" for side in (old, new)]
        rows.append([catalogue.recipe(name).title, *sides, Difference(welch(old, new))])
    columns = ["recipe", "first records", "made again", "difference [95 % interval]"]
    return noted(Table(columns, rows))
