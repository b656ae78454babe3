"""What became of each mean when runs were made again: the same recipes and the same seeds.

The first records were made by many commits, as the course grew, on one machine; the second by one
commit on another. Nothing was tuned in between, so the differences are a replication: of code and
processor, not of the draw of seeds.
"""

from __future__ import annotations

from itertools import pairwise

from utils.experiments import catalogue
from utils.experiments.steps import STEPS
from utils.lab.report.intervals import Difference, estimate, mean_std
from utils.lab.report.paired import difference, noted
from utils.lab.runs import protocol, results
from utils.support.tables import Table


def table() -> Table:
    """First and second means of every recipe whose runs have been made again."""
    rows = []
    for name in _made_again():
        old, new = protocol.first_accuracies(name), results.last_accuracies(name)
        sides = [f"{mean_std(estimate(side), 3)} ({len(side)})" for side in (old, new)]
        rows.append([catalogue.recipe(name).title, *sides, Difference(difference(old, new))])
    columns = ["recipe", "first records", "made again", "difference by seed [95 % interval]"]
    return noted(Table(columns, rows))


def gains() -> Table:
    """What each step brings, in the first records and in those made again, over seeds alone."""
    rows, again = [], _made_again()
    records = (protocol.first_accuracies, results.last_accuracies)
    for pair in pairwise(step.name for step in STEPS):
        if {*pair} <= {*again}:
            gained = [difference(*map(read, pair)) for read in records]
            rows.append([catalogue.recipe(pair[1]).title, *map(Difference, gained)])
    columns = ["gain [95 %, seeds]", "first records", "made again"]
    return noted(Table(columns, rows))


def _made_again() -> list[str]:
    """Names of the reported recipes whose runs give other numbers now than the first ones did."""
    reported = set(catalogue.reported())
    names = [name for name in protocol.first_records() if name in reported]
    return [name for name in names if not _is_kept(name)]


def _is_kept(name: str) -> bool:
    """Whether every seed of the first records still has its number, to a count in ten thousand."""
    first, now = protocol.first_accuracies(name), results.last_accuracies(name)
    return bool((first - now).dropna().abs().lt(0.005).all())
