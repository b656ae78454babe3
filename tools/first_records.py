"""Write assets/first_records.json from git's history: ``python tools/first_records.py COMMIT``.

For every recipe with recorded runs at COMMIT: when its first run on the test set ended, in whatever
version of its files, its settings' hash, and the accuracies that the runs at COMMIT ended with.
Recipes made later have a freeze instead (utils/lab/runs/protocol.py), and are left out.
"""

import json
import subprocess
import sys
from collections import defaultdict

from utils.lab.runs import protocol
from utils.support.files import write_json
from utils.support.paths import ROOT


def git(*arguments: str, text: str | None = None) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, input=text).stdout


def read(commit: str, paths: list[str]) -> list[dict]:
    """The JSON files at ``paths`` as ``commit`` has them."""
    return [json.loads(git("show", f"{commit}:{path}")) for path in paths]


def first_tests(commit: str) -> dict[str, str]:
    """When the first test run of each recipe ended, over all versions of all its files."""
    options = ["-m", "--no-renames", "--format=@%H", "--name-only", "--diff-filter=AM"]
    log = git("log", commit, *options, "--", "assets/results")
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
    paths = git("ls-tree", "-r", "--name-only", commit, "assets/results").splitlines()
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
