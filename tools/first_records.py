"""Write assets/first_records.json from git's history: ``python tools/first_records.py COMMIT``.

For every recipe with recorded runs at COMMIT: when its first run on the test set ended, in whatever
version of its files, its settings' hash, and the accuracies that the runs at COMMIT ended with.
Recipes made later have a freeze instead (utils/lab/runs/protocol.py), and are left out.
"""

import json
import sys
from collections import defaultdict

from utils.lab.git import git
from utils.lab.runs import protocol
from utils.support.files import write_json


def said(*arguments: str) -> str:
    done = git(*arguments)
    done.check_returncode()
    return done.stdout


def read(commit: str, paths: list[str]) -> list[dict]:
    """The JSON files at ``paths`` as ``commit`` has them."""
    return [json.loads(said("show", f"{commit}:{path}")) for path in paths]


def first_tests(commit: str) -> dict[str, str]:
    """When the first test run of each recipe ended, over all versions of all its files."""
    options = ["-m", "--no-renames", "--format=@%H", "--name-only", "--diff-filter=AM"]
    log = said("log", commit, *options, "--", "assets/results")
    ended, version = defaultdict(list), ""
    for line in filter(None, log.splitlines()):
        if line.startswith("@"):
            version = line[1:]
        elif line.endswith(".json"):
            (run,) = read(version, [line])
            ended[line.split("/")[2]].append(run["finished"])
    return {name: min(times) for name, times in ended.items()}


def main(commit: str) -> None:
    first, found = first_tests(commit), {}
    paths = said("ls-tree", "-r", "--name-only", commit, "assets/results").splitlines()
    by_recipe = defaultdict(list)
    for path in paths:
        name = path.split("/")[2]
        if path.endswith(".json") and not (protocol.FREEZES / f"{name}.json").exists():
            by_recipe[name].append(path)
    for name, files in sorted(by_recipe.items()):
        runs = sorted(read(commit, files), key=lambda run: run["seed"])
        found[name] = {
            "first_test": first[name],
            "recipe_hash": runs[0]["recipe_hash"],
            "machine": runs[0]["machine"],
            "last": {run["seed"]: run["test_accuracy_last"] for run in runs},
        }
    write_json(found, protocol.FIRST)
    print(f"{protocol.FIRST}: {len(found)} recipes")


if __name__ == "__main__":
    main(*sys.argv[1:])
