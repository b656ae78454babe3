"""The head of the README: the networks to know, and what was found on the way to them."""

from __future__ import annotations

from utils.experiments import catalogue
from utils.experiments.experiment import texts
from utils.experiments.few_bytes import BYTES
from utils.experiments.robust import ROBUST
from utils.experiments.second_freeze import SECOND
from utils.experiments.speed import FASTEST
from utils.experiments.steps import STEPS, previous
from utils.lab.report import card, few_bytes, robust, speed
from utils.lab.report.frontier import ENOUGH
from utils.lab.report.intervals import estimate, level_of, mean_std, unbroken, verdict
from utils.lab.report.paired import last, overall, overall_gap, tabulate
from utils.lab.runs import results
from utils.lab.timing import benchmark
from utils.recipes import Recipe
from utils.support.tables import Table


def networks() -> Table:
    """The networks that notebooks 04 and 06 to 09 end with: what each reads, and how sure.

    Whether a mean of ``ENOUGH`` is shown stands where it was asked for before the first test.
    """
    seconds = speed.seconds(speed.read()).median()[speed.RECORD]
    rows = {
        STEPS[-1]: ("the last of the four steps", STEPS[-1].name),
        FASTEST: (f"trained in {seconds:.1f} seconds", "06_speed"),
    }
    for limit, recipe in SECOND.items():
        rows[recipe] = (f"at most {limit:,} parameters", "07_frontier")
    rows[ROBUST] = ("trained on spoiled digits", "08_beyond")
    for recipe in BYTES.values():
        rows[recipe] = (f"a file of {few_bytes.size(recipe):,} bytes", "09_bytes")

    def link(recipe: Recipe) -> str:
        what, notebook = rows[recipe]
        return f"[{what}](notebooks/{notebook}.ipynb)"

    def is_enough(recipe: Recipe) -> str:
        known = catalogue.get(recipe.name)
        if known.target != ENOUGH:
            return ""
        return verdict(estimate(card.read(recipe)), ENOUGH, level_of(known.tries))

    return tabulate(
        rows,
        ("network", link),
        "parameters",
        ("reads, in %", lambda recipe: unbroken(mean_std(estimate(card.read(recipe))))),
        ("trainings", lambda recipe: len(card.read(recipe))),
        (f"a mean of at least {ENOUGH:.2f}", is_enough),
        ("95 %, other digits too", overall),
    )


def findings() -> str:
    """What was found on the way, a line a subject."""
    first, best = STEPS[0], STEPS[-1]
    before, after = (mean_std(estimate(last(step))) for step in (first, best))
    added = [(results.best_accuracies(step.name) - last(step)).mean() for step in (first, best)]
    gains = [f"{step.title.lower()} {overall_gap(previous(step), step)}" for step in STEPS[1:]]
    race, first_one, usual = speed.read(), speed.reached(speed.FIRST), speed.reached(speed.BASELINE)
    seconds = speed.seconds(race).median()
    stages = [text for text in texts() if "stage" in text]
    quoted = sum(text.get("epoch") == "best" for text in stages)
    again = benchmark.ENTRANTS[speed.RECORD].epochs - 1
    return f"""\
- **Four steps.** The first step's network reads {before} % of the test digits, the last one's \
{after} % ({len(last(best))} trainings each). In percentage points, for other digits too: \
{"; ".join(gains)}.
- **Peeking.** Of the {len(stages)} published runs that this course makes again {quoted} quote \
the best test accuracy seen in training. Here that adds {added[0]:.2f} points to the first step \
and {added[1]:.2f} to the last, with the same networks.
- **Speed.** One of the published networks, trained the usual way, takes \
{seconds[speed.BASELINE]:.0f} seconds, and {seconds[speed.COURSE]:.0f} in this course's faster \
version, which ends at {mean_std(usual)} % ({usual.n} trainings). The fastest recipe that is shown \
to average {ENOUGH:.2f} % takes {seconds[speed.RECORD]:.1f} seconds on the same machine \
({race["machine"]}): all digits once, then {again} times the quarter that it finds hardest. The \
one before it took {seconds[speed.FIRST]:.1f} seconds to {mean_std(first_one)} % \
({first_one.n} trainings).
- **Spoiled digits.** {robust.finding()}"""
