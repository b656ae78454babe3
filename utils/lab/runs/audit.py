"""What the recorded runs must be together: each one possible, none of them twice.

A checksum shows that a file was edited, not that its content was ever a run. ``refused`` asks what
only the whole can tell; ``results.read`` asks each file for what it can tell alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from utils import data, pretrained
from utils.experiments import catalogue, recorded
from utils.lab.runs import networks, protocol, results
from utils.recipes import Recipe


def refused(images: data.ImageSet | None = None) -> list[str]:
    """Why recorded runs are refused, a sentence each; empty where they all stand.

    ``images``, the full MNIST, tells whether the labels of the mistakes are its own. Where git has
    not the history, nothing is said of commits.
    """
    reasons, known = [], catalogue.EXPERIMENTS
    every = {name: results.recorded(known[name].recipe) for name in known}
    commits = _known_commits(run["git_commit"] for by in every.values() for run in by.values())
    for name, runs in every.items():
        histories: dict[str, int] = {}
        named = {run["git_commit"] for run in runs.values()} if commits else ()
        refused = {commit: _commit(commit, known[name], commits) for commit in named}
        for seed, run in runs.items():
            what = f"{name} seed {seed}"
            numbers = {key: run["history"][key] for key in run["history"] if key != "seconds"}
            twin = histories.setdefault(json.dumps(numbers), seed)
            if twin != seed:
                reasons.append(f"{what} has the history of seed {twin}: one run, filed twice")
            if images is not None and (why := _other_labels(run, images)):
                reasons.append(f"{what}: {why}")
            if why := refused.get(run["git_commit"]):
                reasons.append(f"{what}: {why}")
    return reasons


def of_another_run(recipe: Recipe, seed: int, images: data.ImageSet) -> str:
    """Why the network that a recorded run keeps cannot have made its mistakes; empty if it can.

    Empty as well where the run keeps none. ``images``: the full MNIST.
    """
    run = results.recorded(recipe)[seed]
    if "network" not in run:
        return ""
    reader = networks.reader(recorded.path_of(recipe, seed), recipe)
    digits, _ = pretrained.classify(reader, images.test_images)
    wrong = (digits != images.test_labels).nonzero().flatten().tolist()
    apart = len({*wrong} ^ {*run["misclassified"]["indices"]})
    if apart <= networks.NEAR:
        return ""
    return f"its network's mistakes differ from it in {apart} images"


def _known_commits(named: Iterable[str]) -> set[str]:
    """Those of the ``named`` commits that are in the history; empty where git has none."""
    try:
        return {commit for commit in set(named) if protocol.in_history(commit)}
    except OSError:
        return set()


def _other_labels(run: dict, images: data.ImageSet) -> str:
    wrong = run["misclassified"]
    theirs = images.test_labels[wrong["indices"]].tolist() if wrong["indices"] else []
    return "" if theirs == wrong["labels"] else "the labels of its mistakes are not MNIST's"


def _commit(commit: str, experiment: catalogue.Experiment, known: set[str]) -> str:
    if commit not in known:
        return f"its commit {commit} is not in the history: commit that code, repeat it"
    return protocol.missing(experiment.recipe, commit)
