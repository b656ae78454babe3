"""Execute the notebooks, several at a time, and write them with an HTML page of each."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from utils import data, smoke
from utils.lab.runs.executors import cores
from utils.support import checks, files, machine, paths
from utils.support.lookup import look_up

FOLDER, BUILD = paths.ROOT / "notebooks", paths.ROOT / "build"
SOLUTIONS = "solutions"  # their folder in FOLDER, and in what is written


def listed(names: list[str] = (), solutions: bool = False) -> list[Path]:
    """The notebooks called ``names``, such as ``solutions/01_skeleton``; by default the course's.

    ``solutions`` adds those of the exercises to the default.
    """
    folders = [FOLDER, FOLDER / SOLUTIONS] if solutions or names else [FOLDER]
    found = [path for folder in folders for path in sorted(folder.glob("[0-9]*.ipynb"))]
    known = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in found}
    return [look_up("notebook", name, known) for name in names] or found


class Client(NotebookClient):
    """Executes one notebook and prints a line whenever an epoch in it ends."""

    def __init__(self, path: Path):
        self.path, self.epoch = path, ""
        # A solution is called like its notebook: their folders tell them apart.
        self.place = SOLUTIONS if path.parent.name == SOLUTIONS else ""
        self.name = f"{self.place}/{path.stem}" if self.place else path.stem
        super().__init__(
            nbformat.read(path, as_version=4),
            timeout=3600,  # seconds for one cell
            coalesce_streams=True,  # keeps of a progress bar what a terminal shows at the end
            extra_arguments=["--log-level=40"],  # errors only: each kernel warns of plain TCP
        )

    def run(self, env: dict[str, str]) -> None:
        self.started = time.perf_counter()
        self.say("starts")
        self.execute(cwd=str(self.path.parent), env=env)

    def process_message(self, msg, cell, cell_index):
        for line in msg["content"].get("text", "").splitlines():  # only a stream has a text
            if line.startswith("EPOCH"):
                self.epoch = line
            elif line.startswith(("Test set:", "Validation:")):
                self.say(f"{self.epoch}  {line}")
        return super().process_message(msg, cell, cell_index)

    def say(self, what: str) -> None:
        self.said = f"{time.perf_counter() - self.started:5.0f} s  {self.name}: {what}"
        print(self.said, flush=True)

    def write(self, error: BaseException | None, folders: list[Path]) -> None:
        tidy(self.nb)
        page, _ = HTMLExporter().from_notebook_node(self.nb)
        texts = {folder / self.path.name: nbformat.writes(self.nb) + "\n" for folder in folders}
        for path, text in (texts | {folders[0] / f"{self.path.stem}.html": page}).items():
            files.write_text(text, path)
        self.say("done" if error is None else f"FAILED, {type(error).__name__}: {error}")


def run(chosen: list[Path], out: Path, in_place: bool = False, jobs: int | None = None) -> int:
    """Execute the notebooks, ``jobs`` at a time (default: one per core); return how many failed.

    Each is written to ``out``, complete or not, and with ``in_place`` over itself if complete: of
    the full MNIST in full size only. Raises ``ValueError`` for less, and for fewer than one job.
    """
    jobs = min(len(chosen), cores()) if jobs is None else jobs
    checks.whole(1, jobs=jobs)
    what = f"{data.settle_source().name} in {'smoke' if smoke.is_on() else 'full'} size"
    if in_place and what != "MNIST in full size":
        raise ValueError(f"--in-place needs MNIST in full size, this is {what}")
    print(f"{len(chosen)} notebooks on {what}, {jobs} at a time", flush=True)
    clients = [Client(path) for path in chosen]
    with ThreadPoolExecutor(jobs) as pool:
        threads = {"OMP_NUM_THREADS": str(max(1, cores() // jobs))}
        env = os.environ | machine.ENVIRONMENT | threads
        running = {pool.submit(client.run, env): client for client in clients}
        try:
            for future in as_completed(running):
                client, error = running[future], future.exception()
                folders = [out / client.place]
                client.write(error, folders + [client.path.parent] * (in_place and not error))
        except BaseException:  # Ctrl-C, or a full disk
            pool.shutdown(wait=False, cancel_futures=True)
            while wait(running, timeout=0.2).not_done:  # nbclient cleans up after dead kernels
                for client in clients:
                    if client.km is not None and client.km.has_kernel:
                        asyncio.run(client.km.provisioner.kill())
            raise
    print(f"\n{what}, pages in {out}:", *(c.said.splitlines()[0] for c in clients), sep="\n")
    return sum(future.exception() is not None for future in running)


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Keep the metadata that a reader needs: no times, nothing about one machine."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in cell.metadata if key == "tags"}
        for output in cell.get("outputs", []):
            if output.output_type in ("display_data", "execute_result"):
                output.metadata = {}
