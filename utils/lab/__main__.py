"""``python -m utils.lab``: record runs, and write what the README shows of them."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from utils import data, training
from utils.experiments import catalogue
from utils.lab.report import readme, status
from utils.lab.runs import grid, results, validation
from utils.lab.timing import recorded
from utils.support.files import write_json

MOST_SEEDS = 10_000  # at a time


def seeds(text: str) -> list[int]:
    """``"0-4"`` or ``"0,2,5"`` as a list, each seed once."""
    found: dict[int, None] = {}
    for part in text.split(","):
        ends = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not ends or int(ends[2] or ends[1]) < int(ends[1]):
            raise argparse.ArgumentTypeError(f"{text!r} is not like 0-4 or 0,2,5")
        chosen = range(int(ends[1]), int(ends[2] or ends[1]) + 1)
        if chosen.stop - chosen.start + len(found) > MOST_SEEDS:
            raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST_SEEDS:,} seeds")
        found |= dict.fromkeys(chosen)
    return list(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m utils.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, does: str, example: str = "") -> argparse.ArgumentParser:
        epilog = f"example: python -m utils.lab {name} {example}\n\nrecipes:\n"
        epilog += "\n".join(
            f"  {recipe.name:<24}{recipe.title}"
            for recipe in (e.recipe for e in catalogue.EXPERIMENTS.values())
        )
        plain = argparse.RawDescriptionHelpFormatter
        return commands.add_parser(
            name, help=does, description=does, epilog=epilog, formatter_class=plain
        )

    run = command(
        "run", "record runs; those recorded already are skipped", "04_lr_scheduler --jobs 2"
    )
    run.add_argument("names", nargs="*", default=None, help="recipes (default: all)")
    run.add_argument(
        "--seeds", type=seeds, default=list(results.SEEDS), help="0-4 (the default) or 0,2,5"
    )
    _add_machines(run)
    run.add_argument(
        "--folder", type=Path, default=results.FOLDER, help="for results (default assets/results)"
    )
    run.add_argument("--smoke", action="store_true", help="runs of seconds, to try the machinery")

    choose = command(
        "choose", "try other settings on the validation split", "01_skeleton --try lr=0.05,0.1"
    )
    choose.add_argument("name", help="recipe")
    choose.add_argument(
        "--try",
        dest="tried",
        metavar="SETTING=VALUES",
        action="append",
        default=[],
        help="lr=0.05,0.1 or schedule=one_cycle,exponential; several give every combination",
    )
    choose.add_argument("--seeds", type=seeds, default=[0], help="0-4 or 0,2,5 (default 0)")
    _add_machines(choose)

    command("list", "the recipes, and what of each is recorded, running or stale and why")
    show = command("show", "a recipe's settings and its recorded runs", "04_lr_scheduler")
    show.add_argument("name", help="recipe")
    compare = command(
        "compare", "two recipes seed by seed, and what to claim", "01_skeleton 02_regularization"
    )
    compare.add_argument("before", help="recipe")
    compare.add_argument("after", help="recipe")
    command("report", "rewrite the README's tables and assets/figures from the recorded runs")

    bench = command("bench", "time an epoch of every way to load digits, ours and the usual ones")
    bench.add_argument("--repeats", type=int, default=5, help="turns of every way (default 5)")
    bench.add_argument(
        "--batch-sizes",
        type=int,
        nargs="*",
        default=[],
        metavar="SIZE",
        help="beside each design's own",
    )
    bench.add_argument(
        "--record", action="store_true", help="write assets/benchmark.json, which the tables show"
    )

    race = command("race", "seconds to 99.4 %: the record beside design A, whole runs in turns")
    race.add_argument("--repeats", type=int, default=3, help="races (default 3)")
    race.add_argument("--record", action="store_true", help="write what the tables show")

    search = command(
        "search", "look for the most accurate network of a size, on validation", "8000"
    )
    search.add_argument("limit", type=int, help="parameters at most")
    search.add_argument("--trials", type=int, default=20, help="to add (default 20)")

    weights = command("weights", "train a recorded recipe's seed 0 again and save it", "speedrun")
    weights.add_argument("names", nargs="+", help="recipes")

    pages = command("notebooks", "execute the notebooks at full size into build/", "01_skeleton")
    pages.add_argument("names", nargs="*", help="notebooks without .ipynb (default: all)")
    pages.add_argument("--jobs", type=int, help="how many at a time (default: one per core)")
    pages.add_argument("--in-place", action="store_true", help="rewrite the committed ones too")
    return parser


def _add_machines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=int, help="runs at a time (default: one per core)")
    parser.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler, tcp://host:8786")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or mps")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of a run (default 1)")


def _machines(chosen: argparse.Namespace) -> dict:
    names = ("jobs", "cluster", "threads", "device")
    return {name: getattr(chosen, name) for name in names}


def _bench(repeats: int, batch_sizes: list[int], record: bool) -> None:
    from utils.lab.timing import loading  # here: torchvision takes a second to import

    images, device = data.load(), training.default_device()
    if record:
        recorded.check_recordable(images, device, repeats)
    images = loading.share(images)
    loading = loading.measure(
        repeats=repeats, batch_sizes=batch_sizes, images=images, device=device
    )
    measured = {"loading": loading}
    if record:
        measured["recipes"] = loading.measure_recipes(repeats=repeats, images=images)
    path = recorded.PATH if record else Path("build") / recorded.PATH.name
    write_json(measured, path)
    print(f"{recorded.table(loading)}\n\n{recorded.ratios(loading)}\n\n{path}")


def _race(repeats: int, record: bool) -> None:
    from utils.lab.report import speed
    from utils.lab.timing import race

    device = training.default_device()
    measured = race.measure(repeats=repeats, device=device)
    path = speed.path_of(device.type)
    path = path if record else Path("build") / path.name
    write_json(measured, path)
    print(f"{speed.race(measured, elsewhere=[])}\n\n{path}")


def _search(limit: int, trials: int) -> None:
    from utils.lab import search

    print(search.table(search.run(limit, trials)))


def _weights(names: list[str]) -> None:
    try:
        import onnxscript  # noqa: F401  # torch.onnx needs it, after minutes of training
    except ModuleNotFoundError as error:
        raise RuntimeError(f"{error}: pip install -e '.[weights]'") from error
    from utils.lab.runs import weights
    from utils.lab.runs.job import images_of

    chosen = [catalogue.recipe(name) for name in names]
    for recipe in chosen:
        print(*weights.make(recipe, images_of("mnist")), sep="\n")


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.command == "run":
            grid.run(
                chosen.names or list(catalogue.EXPERIMENTS),
                chosen.seeds,
                **_machines(chosen),
                smoke=chosen.smoke,
                folder=chosen.folder,
            )
        elif chosen.command == "choose":
            recipe = catalogue.recipe(chosen.name)
            parsed = [validation.parse(recipe, text) for text in chosen.tried]
            tried = dict(parsed)
            if len(tried) < len(parsed):
                raise ValueError("a setting is tried twice: list its values once, lr=0.05,0.1")
            validation.run(recipe, tried, chosen.seeds, **_machines(chosen))
            print(validation.table([recipe.name]))
        elif chosen.command == "notebooks":
            from utils.lab import notebooks  # here: recording runs needs no Jupyter

            paths = sorted(notebooks.FOLDER.glob("[0-9]*.ipynb"))
            if chosen.names:
                paths = [notebooks.FOLDER / f"{name}.ipynb" for name in chosen.names]
            return 1 if notebooks.run(paths, notebooks.BUILD, chosen.in_place, chosen.jobs) else 0
        elif chosen.command == "bench":
            _bench(chosen.repeats, chosen.batch_sizes, chosen.record)
        elif chosen.command == "race":
            _race(chosen.repeats, chosen.record)
        elif chosen.command == "search":
            _search(chosen.limit, chosen.trials)
        elif chosen.command == "weights":
            _weights(chosen.names)
        elif chosen.command == "report":
            readme.write()
        elif chosen.command == "show":
            print(status.show(chosen.name))
        elif chosen.command == "compare":
            print(status.compare(chosen.before, chosen.after))
        else:
            print(status.listing())
    except (ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: finished runs are kept, the same command goes on from here")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
