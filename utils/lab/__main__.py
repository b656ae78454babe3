"""``python -m utils.lab``: record runs, and write what the README shows of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from utils import recipes
from utils.lab import choices, grid, overview, report, results


def seeds(text: str) -> list[int]:
    """``"0-4"`` or ``"0,2,5"`` as a list."""
    try:
        parts = [part.split("-") for part in text.split(",")]
        return [n for part in parts for n in range(int(part[0]), int(part[-1]) + 1)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 0-4 or 0,2,5") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m utils.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, does: str, example: str = "") -> argparse.ArgumentParser:
        epilog = f"example: python -m utils.lab {name} {example}\n\nrecipes:\n"
        epilog += "\n".join(
            f"  {recipe.name:<24}{recipe.title}" for recipe in recipes.RECIPES.values()
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

    pages = command("notebooks", "execute the notebooks at full size into build/", "01_skeleton")
    pages.add_argument("names", nargs="*", help="notebooks without .ipynb (default: all)")
    pages.add_argument("--jobs", type=int, help="how many at a time (default: one per core)")
    pages.add_argument("--in-place", action="store_true", help="rewrite the committed ones too")
    return parser


def _add_machines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=int, help="runs at a time (default: one per core)")
    parser.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler, tcp://host:8786")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of a run (default 1)")


def _machines(chosen: argparse.Namespace) -> dict:
    return {"jobs": chosen.jobs, "cluster": chosen.cluster, "threads": chosen.threads}


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.command == "run":
            grid.run(
                chosen.names or list(recipes.RECIPES),
                chosen.seeds,
                **_machines(chosen),
                smoke=chosen.smoke,
                folder=chosen.folder,
            )
        elif chosen.command == "choose":
            recipe = recipes.get(chosen.name)
            tried = dict(choices.parse(recipe, text) for text in chosen.tried)
            choices.run(recipe, tried, chosen.seeds, **_machines(chosen))
            print(choices.table([recipe.name]))
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
