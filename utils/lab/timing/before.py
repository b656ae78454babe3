"""An epoch of the course's steps by the code of the first build and by today's, in turns.

Two versions of one package do not fit into one process, so each turn starts one for either.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tqdm import tqdm

from utils.experiments.steps import STEPS
from utils.lab.git import git
from utils.lab.timing.benchmark import FIRST_BUILD, NOW
from utils.support.paths import ROOT

COMMIT = "5ef65322582a"  # the last one of the first build
# Runs in either version; the first build had the function elsewhere.
ONE_TURN = """
import json, sys
from utils import data
try:
    from utils.lab.timing import loading as timing
except ImportError:
    from utils.lab import benchmark as timing
images = timing.share(data.load("mnist"))
measured = timing.measure_recipes(repeats=1, names=sys.argv[1:], images=images)
print(json.dumps(measured))
"""


def unpack(commit: str, folder: Path) -> None:
    """``utils`` as ``commit`` has it; ``RuntimeError`` where the clone does not reach so far."""
    path = folder / "utils.tar"
    if git("archive", f"--output={path}", commit, "utils").returncode:
        raise RuntimeError(f"commit {commit} is not in this clone: git fetch --unshallow")
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")


def one_turn(folder: Path, names: list[str], root: str) -> dict:
    """``measure_recipes`` of the code in ``folder``, one turn in a process of its own."""
    command = [sys.executable, "-c", ONE_TURN, *names]
    environment = os.environ | {"MNIST_ROOT": root, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the code in {folder} cannot be timed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(repeats: int, root: Path) -> dict:
    """``{"commit": …, "seconds": {step: {"first build": […], "now": […]}}, …}``, on one thread.

    The other keys are what seconds depend on, as today's code says it.
    """
    names = [recipe.name for recipe in STEPS]
    seconds = {name: {FIRST_BUILD: [], NOW: []} for name in names}
    with tempfile.TemporaryDirectory() as folder:
        unpack(COMMIT, Path(folder))
        places = {FIRST_BUILD: Path(folder), NOW: ROOT}
        for _ in tqdm(range(repeats), "steps, then and now", file=sys.stdout):
            for when, place in places.items():
                measured = one_turn(place, names, str(root))
                for name, took in measured["seconds"].items():
                    seconds[name][when] += took
    return measured | {"commit": COMMIT, "seconds": seconds}
