"""Execute the notebooks at full size, several at a time, with live progress.

``python -m utils.lab notebooks`` writes executed notebooks and HTML pages to build/ and prints
what each run reached beside the recorded seeds. ``--in-place`` rewrites the committed ones.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from utils import data
from utils.experiments import catalogue
from utils.experiments.recorded import BadResult
from utils.experiments.steps import STEPS
from utils.lab.report import readme, steps
from utils.lab.report.intervals import estimate, mean_std
from utils.lab.runs import results
from utils.recipes import Recipe
from utils.support.files import replacing
from utils.support.tables import Table

FOLDER = readme.ROOT / "notebooks"
BUILD = readme.ROOT / "build"
CELL_TIMEOUT_S = 3600


class Progress:
    """The latest line of every running notebook: redrawn on a terminal, else one line an epoch."""

    def __init__(self, names: list[str]):
        self.latest = dict.fromkeys(names, "waiting")
        self.started = time.perf_counter()
        self.live = sys.stdout.isatty()
        self.drawn = False

    def update(self, name: str, line: str, finished_line: bool) -> None:
        self.latest[name] = line
        if self.live:
            self._redraw()
        elif finished_line:
            seconds = time.perf_counter() - self.started
            print(f"{seconds:5.0f} s  {name}: {line}", flush=True)

    def _redraw(self) -> None:
        up = f"\x1b[{len(self.latest)}A" if self.drawn else ""
        width = os.get_terminal_size().columns - 1
        lines = [f"{name}: {line}"[:width] for name, line in self.latest.items()]
        sys.stdout.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
        sys.stdout.flush()
        self.drawn = True


class Client(NotebookClient):
    """Runs one notebook and passes on what its training cell prints while it prints it."""

    def watch(self, name: str, progress: Progress) -> Client:
        self._name, self._progress, self._epoch = name, progress, ""
        return self

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] == "stream" and hasattr(self, "_progress"):
            for line in re.split(r"[\r\n]+", msg["content"]["text"]):
                self._pass_on(line.strip())
        return super().process_message(msg, cell, cell_index)

    def _pass_on(self, line: str) -> None:
        if line.startswith("EPOCH "):
            self._epoch = line.removeprefix("EPOCH ")
        elif line.startswith("Test set:"):
            self._progress.update(self._name, f"epoch {self._epoch}  {line}", True)
        elif "Loss=" in line:
            self._progress.update(self._name, f"epoch {self._epoch}  {line}", False)


def run(paths: list[Path], out: Path, in_place: bool, jobs: int | None = None) -> int:
    """Execute ``paths``; return how many failed. Each failure names its notebook and cell."""
    jobs = jobs or min(len(paths), joblib.cpu_count())
    out.mkdir(parents=True, exist_ok=True)
    # Kernels inherit these. The cores are shared out: several notebooks at a time, with one
    # thread each, use them better than one with several threads.
    threads = max(1, joblib.cpu_count() // jobs)
    os.environ |= {"OMP_NUM_THREADS": str(threads), "NOTEBOOK_RESULTS": str(out.resolve())}
    for stale in out.glob("*.json"):
        stale.unlink()
    print(f"Data: {data.settle_source()!r}\n{len(paths)} notebooks, {jobs} at a time", flush=True)
    progress = Progress([path.stem for path in paths])
    clients = [_client(path, progress) for path in paths]
    with ThreadPoolExecutor(jobs) as pool:
        try:
            failures = list(
                pool.map(lambda work: _run_one(*work, out, in_place, progress), clients)
            )
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for _, client in clients:
                if client.km is not None and client.km.has_kernel:
                    os.kill(client.km.provisioner.pid, signal.SIGKILL)
            print("\ninterrupted: unfinished notebooks are left as they were")
            return len(paths)
    for failure in filter(None, failures):
        print(f"\nFAILED {failure}", file=sys.stderr)
    print(f"\n{outcome(out)}\n\nExecuted notebooks and pages: {out}/")
    return sum(map(bool, failures))


def _client(path: Path, progress: Progress) -> tuple[Path, Client]:
    notebook = nbformat.read(path, as_version=4)
    client = Client(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=40"],  # errors only, else every kernel warns of plain TCP
        coalesce_streams=True,  # keeps of a progress bar what a terminal would show at the end
        resources={"metadata": {"path": str(path.parent)}},
    )
    return path, client.watch(path.stem, progress)


def _run_one(path: Path, client: Client, out: Path, in_place: bool, progress: Progress) -> str:
    """Execute one notebook and write it; what went wrong, or an empty string."""
    progress.update(path.stem, "starting", True)
    failure = ""
    try:
        client.execute()
    except Exception as error:  # a cell's error, a dead kernel, a time-out: name it, go on
        failure = f"{path.name}: {type(error).__name__}: {error}"
    notebook = client.nb
    tidy(notebook)
    _write(out / path.name, nbformat.writes(notebook) + "\n")
    page, _ = HTMLExporter().from_notebook_node(notebook)
    _write(out / f"{path.stem}.html", page)
    if in_place and not failure:
        _write(path, nbformat.writes(notebook) + "\n")
    progress.update(path.stem, "failed" if failure else "done", True)
    return failure


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Keep of the metadata what a reader needs: no times, no machine's particulars."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        for output in cell.get("outputs", []):
            if output.output_type in ("display_data", "execute_result"):
                output.metadata = {}


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)


def outcome(out: Path) -> Table:
    """What the notebooks in ``out`` reached, beside the recorded seeds."""
    rows = []
    for recipe in (e.recipe for e in catalogue.EXPERIMENTS.values()):
        path = out / f"{recipe.name}.json"
        if not path.exists():
            continue
        found, published = json.loads(path.read_text()), catalogue.get(recipe.name).published
        rows.append(
            [
                recipe.name,
                steps.change_in_words(recipe) if recipe in STEPS else recipe.title,
                found["data"],
                f"{found['train']:.2f}",
                f"{found['last']:.2f}",
                f"{found['best']:.2f}",
                _recorded(recipe),
                f"{published.test:.2f}" if published else "",
                f"{found['minutes']:.1f}",
            ]
        )
    columns = ["recipe", "what is new", "data", "train", "test, last epoch", "best epoch"]
    columns += ["recorded seeds (MNIST)", "published", "minutes of training"]
    return Table(columns, rows)


def _recorded(recipe: Recipe) -> str:
    try:
        return mean_std(estimate(results.last_accuracies(recipe.name)))
    except BadResult:  # somebody's own recipe: its runs are not recorded yet
        return "none"
