"""Record runs, measure seconds, and write what README and RESULTS show of both.

Each command is a function, and a line of ``COMMANDS`` that names its arguments; its docstring is
the help. What it needs is imported inside, so that help comes at once and ``main`` takes an
interrupt at any moment.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from pathlib import Path

MOST_SEEDS = 10_000


def seeds(text: str) -> list[int]:
    """``"0-4"`` or ``"0,2,5"`` as a list, each seed once."""
    found: dict[int, None] = {}
    for part in text.split(","):
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not ends or int(ends[2] or ends[1]) < int(ends[1]):
            raise argparse.ArgumentTypeError(f"{text!r} is not like 0-4 or 0,2,5")
        new = range(int(ends[1]), int(ends[2] or ends[1]) + 1)
        if new.stop - new.start + len(found) > MOST_SEEDS:
            raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST_SEEDS:,} seeds")
        found |= dict.fromkeys(new)
    return list(found)


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


ARGUMENTS = {
    "name": {"help": "recipe"},
    "recipe": {"nargs": "?", "help": "recipe (default: drawn by the date)"},
    "before": {"help": "recipe"},
    "after": {"help": "recipe"},
    "names": {"nargs": "*", "help": "recipes or notebooks (default: all)"},
    "recipes": {"nargs": "+", "help": "which"},
    "limit": {"type": count, "help": "parameters at most"},
    "--seeds": {
        "type": seeds,
        "help": "0-4 or 0,2,5 (default: those that tables ask for; choose: 0)",
    },
    "--seed": {"type": int, "help": "one recorded seed (default: drawn by the date)"},
    "--try": {
        "dest": "tried",
        "action": "append",
        "metavar": "SETTING=VALUES",
        "help": "lr=0.05,0.1 or schedule=one_cycle,exponential; several give every combination",
    },
    "--jobs": {"type": count, "help": "how many at a time (default: one per core)"},
    "--cluster": {"metavar": "ADDRESS", "help": "a Dask scheduler, tcp://host:8786"},
    "--device": {"default": "cpu", "help": "cpu (default), cuda or mps"},
    "--threads": {"type": count, "default": 1, "help": "CPU threads of a run (default 1)"},
    "--folder": {"help": "for results (default assets/results)"},
    "--smoke": {"action": "store_true", "help": "runs of seconds, to try the machinery"},
    "--repeats": {"type": count, "help": "turns (default 10; race: 3)"},
    "--batch-sizes": {"type": count, "nargs": "*", "default": [], "help": "besides each own"},
    "--record": {"action": "store_true", "help": "write the file in assets/ that the tables show"},
    "--split": {"type": count, "default": 1, "help": "1 to choose on (default), 2 to confirm on"},
    "--trials": {"type": count, "default": 20, "help": "to add (default 20)"},
    "--in-place": {
        "action": "store_true",
        "help": "rewrite the committed ones too, with the solutions",
    },
}


def run(names, seeds, folder, **options):
    """Record runs; those recorded already are skipped: run 04_lr_scheduler --jobs 2."""
    from utils.experiments import catalogue
    from utils.lab.runs import grid, results

    if folder == "":
        raise ValueError("--folder '' names no folder")
    names = names or catalogue.reported()
    grid.run(names, seeds, folder=Path(folder or results.FOLDER), **options)


def choose(name, tried, seeds, **options):
    """Try other settings on the validation split: choose 01_skeleton --try lr=0.05,0.1."""
    from utils.experiments import catalogue
    from utils.lab.report import choices
    from utils.lab.runs import validation

    recipe = catalogue.recipe(name)
    values = [validation.parse(recipe, text) for text in tried or ()]
    if len(dict(values)) < len(values):
        raise ValueError("a setting is tried twice: list its values once, lr=0.05,0.1")
    validation.run(recipe, dict(values), seeds or [0], **options)
    print(choices.table([name]))


def freeze(name):
    """Say that a recipe is final, on committed validation runs, before its first test run."""
    from utils.experiments import catalogue
    from utils.lab.runs import protocol

    path = protocol.freeze(catalogue.get(name))
    print(f"{path}: commit it, then record: python -m utils.lab run {name}")


def repeat(recipe, seed):
    """Train a recorded run again and say whether it gives the same: repeat 01_skeleton --seed 0."""
    from utils.lab.runs import repeat

    found = repeat.repeat(*repeat.drawn(recipe, seed))
    print(found)
    return repeat.DIFFERENT in found


def list_():
    """The recipes, and what of each is recorded, running, or stale and why."""
    from utils.lab.report import status

    print(status.listing())


def show(name):
    """A recipe's settings and its recorded runs: show 04_lr_scheduler."""
    from utils.lab.report import status

    print(status.show(name))


def compare(before, after):
    """Two recipes seed by seed, and their difference: compare 01_skeleton 02_regularization."""
    from utils.lab.report import status

    print(status.compare(before, after))


def beyond(names):
    """Count what recorded networks read of corrupted digits and of other people's."""
    from utils.experiments import catalogue
    from utils.lab.runs import beyond
    from utils.lab.runs.job import images_of

    beyond.measure(names or catalogue.EXPERIMENTS, images_of("mnist"))


def report():
    """Rewrite README's tables, RESULTS and assets/figures from recorded runs; gather networks."""
    from utils.lab.report import readme

    readme.write()


def bench(repeats, batch_sizes, record):
    """Time an epoch of every way to load digits: bench --batch-sizes 128 256."""
    from utils import data, training
    from utils.lab.timing import before, benchmark, loading
    from utils.support.files import write_json

    images, device, repeats = data.load(), training.default_device(), repeats or benchmark.TURNS
    if record and (not images.is_mnist or device.type != "cpu" or repeats < benchmark.TURNS):
        raise ValueError(
            f"the tables show MNIST on the CPU, at least {benchmark.TURNS} times, not "
            f"{images.name} on {device.type}, {repeats} times: measure without --record"
        )
    images, measured = loading.share(images), {}
    if record:
        measured["first_build"] = before.measure(repeats, data.default_root())
        measured["recipes"] = loading.measure_recipes(images, repeats)
    measured["loading"] = loading.measure(images, device, repeats, batch_sizes)
    path = benchmark.PATH if record else Path("build") / benchmark.PATH.name
    write_json(measured, path)
    found = measured["loading"]
    print(benchmark.table(found), benchmark.ratios(found), path, sep="\n\n")


def race(repeats, record):
    """Time whole runs in turns: the record and design A."""
    from utils import training
    from utils.lab.report import speed
    from utils.lab.runs.job import images_of
    from utils.lab.timing import benchmark, race
    from utils.support.files import write_json

    if record:
        images_of("mnist")  # no other set
        if repeats and repeats < race.RACES:
            raise ValueError(
                f"the tables show the median of at least {race.RACES} races, not of {repeats}: "
                "measure without --record"
            )
    device = training.default_device()
    measured, path = race.measure(device, repeats or race.RACES), benchmark.race_path(device.type)
    path = path if record else Path("build") / path.name
    write_json(measured, path)
    print(speed.race(measured, elsewhere=[]), path, sep="\n\n")


def record(name):
    """Write the dated folder of a record of speed, after its runs and its race: record speedrun."""
    from utils.experiments import catalogue
    from utils.lab.report import records, speed

    print(records.write(catalogue.recipe(name), speed.read()))


def search(limit, trials, split):
    """Look for the most accurate network of a size, on validation: search 5000."""
    from utils.lab import search
    from utils.lab.report import trials as found

    print(found.table(search.run(limit, trials, split)))


def weights(recipes):
    """Save the weights of the first recorded seed of recipes, and ONNX: weights frontier_8k."""
    from importlib.util import find_spec

    from utils.experiments import catalogue
    from utils.lab.runs import weights
    from utils.lab.runs.job import images_of

    if not find_spec("onnxscript"):
        raise RuntimeError("this needs onnxscript: pip install -e '.[weights]'")
    for recipe in [catalogue.recipe(name) for name in recipes]:
        print(*weights.make(recipe, images_of("mnist")), sep="\n")


def playground():
    """Write assets/playground.html, the page to draw on, from the recorded networks."""
    from utils.lab.report import playground

    print(*playground.write(), sep="\n")


def notebooks(names, jobs, in_place):
    """Execute notebooks at full size into build/: notebooks 01_skeleton solutions/01_skeleton."""
    from utils.lab import notebooks

    paths = notebooks.listed(names, solutions=in_place)
    return bool(notebooks.run(paths, notebooks.BUILD, in_place, jobs))


COMMANDS = {
    run: "names --seeds --folder --smoke --jobs --cluster --device --threads",
    choose: "name --try --seeds --split --jobs --cluster",
    freeze: "name",
    list_: "",
    show: "name",
    compare: "before after",
    beyond: "names",
    report: "",
    bench: "--repeats --batch-sizes --record",
    race: "--repeats --record",
    record: "name",
    search: "limit --trials --split",
    weights: "recipes",
    repeat: "recipe --seed",
    playground: "",
    notebooks: "names --jobs --in-place",
}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m utils.lab", description=__doc__.split("\n")[0])
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    for function, arguments in COMMANDS.items():
        about = {"help": function.__doc__, "description": function.__doc__}
        added = commands.add_parser(function.__name__.strip("_"), **about)
        added.set_defaults(function=function)
        for argument in arguments.split():
            added.add_argument(argument, **ARGUMENTS[argument])
    return made


def main(arguments: list[str] | None = None) -> int:
    """The command's exit code: 1 after an error, 2 for wrong arguments, 130 after an interrupt."""
    interrupts = []

    def interrupt(number: int, _) -> None:
        interrupts.append(number)  # some imports swallow it or make another error of it
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    code, words = 1, ""
    try:
        chosen = vars(parser().parse_args(arguments))
        code = int(chosen.pop("function")(**chosen) or 0)
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt):
            interrupts.append(signal.SIGINT)
        if not interrupts and not isinstance(error, ValueError | RuntimeError | OSError):
            raise
        words = f"error: {error}"
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        code, words = 130, "interrupted: finished runs are kept, the same command makes the others"
        words += "; seconds that were not written yet are lost"
    if words:
        print(words, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
