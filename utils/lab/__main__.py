"""``python -m utils.lab``: record runs, and write what the README shows of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from utils import data, recipes
from utils.lab import choices, grid, overview, report, results


def seeds(text: str) -> list[int]:
    """``"0-4"`` or ``"0,2,5"`` as a list."""
    try:
        parts = [part.split("-") for part in text.split(",")]
        return [n for part in parts for n in range(int(part[0]), int(part[-1]) + 1)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 0-4 or 0,2,5") from None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m utils.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="record runs; those recorded already are skipped")
    run.add_argument("names", nargs="*", default=None, help="recipes (default: all)")
    run.add_argument("--seeds", type=seeds, default=list(results.SEEDS), help="0-4 or 0,2,5")
    run.add_argument("--jobs", type=int, help="runs at a time (default: one per core)")
    run.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler, tcp://host:8786")
    run.add_argument("--threads", type=int, default=1, help="CPU threads of a run (default 1)")
    run.add_argument("--folder", type=Path, default=results.FOLDER, help="where results go")
    run.add_argument("--smoke", action="store_true", help="runs of seconds, to try the machinery")

    choose = commands.add_parser("choose", help="try other settings on the validation split")
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
    choose.add_argument("--threads", type=int, default=1, help="CPU threads of a run (default 1)")

    commands.add_parser("list", help="the recipes, and what of each is recorded, stale or running")
    show = commands.add_parser("show", help="a recipe's settings and its recorded runs")
    show.add_argument("name", help="recipe")
    compare = commands.add_parser("compare", help="two recipes seed by seed, and what to claim")
    compare.add_argument("before", help="recipe")
    compare.add_argument("after", help="recipe")
    commands.add_parser("report", help="rewrite the README's tables and assets/figures")

    pages = commands.add_parser("notebooks", help="execute the notebooks at full size into build/")
    pages.add_argument("names", nargs="*", help="notebooks without .ipynb (default: all)")
    pages.add_argument("--jobs", type=int, help="how many at a time (default: one per core)")
    pages.add_argument("--in-place", action="store_true", help="rewrite the committed ones too")

    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "run":
            grid.run(
                chosen.names or list(recipes.RECIPES),
                chosen.seeds,
                jobs=chosen.jobs,
                cluster=chosen.cluster,
                threads=chosen.threads,
                smoke=chosen.smoke,
                folder=chosen.folder,
            )
        elif chosen.command == "choose":
            recipe = recipes.get(chosen.name)
            torch.set_num_threads(chosen.threads)
            tried = dict(choices.parse(recipe, text) for text in chosen.tried)
            choices.run(recipe, tried, chosen.seeds, data.load("mnist"))
        elif chosen.command == "notebooks":
            from utils.lab import notebooks  # here: recording runs needs no Jupyter

            paths = sorted(notebooks.FOLDER.glob("[0-9]*.ipynb"))
            if chosen.names:
                paths = [notebooks.FOLDER / f"{name}.ipynb" for name in chosen.names]
            return 1 if notebooks.run(paths, notebooks.BUILD, chosen.in_place, chosen.jobs) else 0
        elif chosen.command == "report":
            report.write()
        elif chosen.command == "show":
            print(overview.show(chosen.name))
        elif chosen.command == "compare":
            print(overview.compare(chosen.before, chosen.after))
        else:
            print(overview.listing())
    except (ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: finished runs are kept, the same command goes on from here")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
