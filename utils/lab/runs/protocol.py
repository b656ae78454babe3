"""Evidence first: what decides a recipe is committed, and then its first test run is made.

``freeze`` writes assets/freezes/NAME.json, which says that a recipe is final and lists the
validation runs and searches behind it. A run on the test set holds the commit it was made with;
that commit must hold the freeze and the runs it lists. Recipes whose first test run is older than
this rule are in assets/first_records.json (``tools/first_records.py`` makes it from git's history),
with the time of that run: the tables of choices say which validation runs came before it and which
after.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from utils.experiments.experiment import Experiment
from utils.experiments.recorded import read_sealed, seeds_of
from utils.lab.git import git
from utils.recipes import Recipe, recipe_hash
from utils.support.files import read_json, write_json
from utils.support.paths import ASSETS, ROOT

CHOICES, FREEZES = ASSETS / "choices", ASSETS / "freezes"
FIRST = ASSETS / "first_records.json"


class NotFrozen(ValueError):
    """A recipe is not ready for the test set; the message says what is missing."""


@functools.cache
def first_records() -> dict[str, dict]:
    """What git's history holds of recipes older than the freezes, by name.

    ``first_test`` is when their first test run ended, ``recipe_hash`` is of their settings, which
    may not change; ``machine`` and ``last``, the accuracies of the last epoch by seed, are those of
    the records that stood before all were made again.
    """
    return read_json(FIRST)


def first_accuracies(name: str) -> pd.Series:
    """Last accuracies of the first records, in per cent, by seed."""
    return pd.Series(first_records()[name]["last"]).rename(index=int)


def first_test(recipe: Recipe) -> str | None:
    """When the first run of ``recipe`` on the test set ended (ISO, UTC); ``None`` for none."""
    times = [read_sealed(path)["finished"] for path in seeds_of(recipe).values()]
    if known := first_records().get(recipe.name):
        times.append(known["first_test"])
    return min(times, default=None)


def freeze(experiment: Experiment) -> Path:
    """Write the freeze of ``experiment``; ``NotFrozen`` where it is too late or too early for it.

    Its validation runs must be committed, on both splits as it is, and the rest of its evidence;
    and there must be no test run.
    """
    recipe = experiment.recipe
    if when := first_test(recipe):
        raise NotFrozen(f"{recipe.name} was tested on {when}: a freeze comes before. Rename it")
    runs = sorted((CHOICES / recipe.name).glob("*.json"))
    for part, split in (("-seed-", 1), ("-split-2-", 2)):
        if not any(run.name.startswith(recipe_hash(recipe) + part) for run in runs):
            raise NotFrozen(
                f"no validation run of {recipe.name} as it is on split {split}: "
                f"python -m utils.lab choose {recipe.name} --split {split}"
            )
    runs += [file for name in experiment.evidence for file in _files(CHOICES.parent / name)]
    listed = [run.relative_to(ROOT).as_posix() for run in runs]
    if loose := [name for name in listed if not _committed("HEAD", name)]:
        raise NotFrozen(f"commit {', '.join(loose)} first: the evidence comes before the freeze")
    path = FREEZES / f"{recipe.name}.json"
    time = datetime.now(UTC).isoformat(timespec="seconds")
    write_json({"recipe_hash": recipe_hash(recipe), "time": time, "runs": listed}, path)
    return path


def _files(path: Path) -> list[Path]:
    """The file at ``path``, or all runs of a folder's; ``NotFrozen`` where there is none."""
    found = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not found or not path.exists():
        raise NotFrozen(f"the evidence {path} is missing, or a folder without runs (*.json)")
    return found


def check_frozen(recipes: Iterable[Recipe]) -> None:
    """Raise ``NotFrozen`` where what is checked out is not ready for a test run of these."""
    if reasons := [reason for recipe in recipes if (reason := missing(recipe, "HEAD"))]:
        raise NotFrozen("; ".join(reasons))
    if git("status", "--porcelain", "--", "utils").stdout:
        raise NotFrozen("files under utils/ differ from the last commit, which a run names: commit")


def missing(recipe: Recipe, commit: str) -> str:
    """What ``commit`` lacks of the evidence for a test run of ``recipe``; empty for nothing."""
    if known := first_records().get(recipe.name):
        if known["recipe_hash"] == recipe_hash(recipe):
            return ""
        return f"{recipe.name} was tested with other settings: give the changed recipe a new name"
    path = FREEZES / f"{recipe.name}.json"
    name = path.relative_to(ROOT).as_posix()
    if not _committed(commit, name):
        return f"{name} is not in commit {commit}: python -m utils.lab freeze {recipe.name}"
    frozen = read_json(path)
    if frozen["recipe_hash"] != recipe_hash(recipe):
        return f"{recipe.name} was frozen with other settings: give the changed recipe a new name"
    loose = [run for run in frozen["runs"] if not _committed(commit, run)]
    return f"{', '.join(loose)}: not in commit {commit}, or changed since" if loose else ""


def decided(evidence: Path) -> list[str]:
    """The names of the frozen recipes that list the file ``evidence``."""
    name = evidence.relative_to(ROOT).as_posix() if evidence.is_relative_to(ROOT) else ""
    return [path.stem for path in sorted(FREEZES.glob("*.json")) if name in read_json(path)["runs"]]


def _committed(commit: str, name: str) -> bool:
    asked = ("cat-file", "-e", f"{commit}:{name}"), ("diff", "--quiet", commit, "--", name)
    return all(git(*arguments).returncode == 0 for arguments in asked)


def in_history(commit: str) -> bool:
    """Whether ``commit`` is an ancestor of what is checked out; ``OSError`` if git cannot tell."""
    if not (ROOT / ".git").exists() or (ROOT / ".git" / "shallow").exists():
        raise OSError(f"{ROOT} has not its whole history: git fetch --unshallow")
    return git("merge-base", "--is-ancestor", commit, "HEAD").returncode == 0
