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
    """The last step, the fastest, the smallest and the sturdiest: what each reads, and how sure."""
    seconds = speed.seconds(speed.read()).median()[speed.RECORD]
    notebooks = {
        STEPS[-1]: ("the last of the four steps", STEPS[-1].name),
        FASTEST: (f"trained in {seconds:.1f} seconds", "06_speed"),
    }
    for limit, recipe in SECOND.items():
        notebooks[recipe] = (f"at most {limit:,} parameters", "07_frontier")
    notebooks[ROBUST] = ("trained on spoiled digits", "08_beyond")
    for recipe in BYTES.values():
        notebooks[recipe] = (f"a file of {few_bytes.size(recipe):,} bytes", "09_bytes")

    def link(recipe: Recipe) -> str:
        what, notebook = notebooks[recipe]
        return f"[{what}](notebooks/{notebook}.ipynb)"

    def enough(recipe: Recipe) -> str:
        level = level_of(catalogue.get(recipe.name).tries)
        answer, p = verdict(estimate(card.read(recipe)), ENOUGH, level).split(" (")
        return f"{answer} {unbroken(f'({p}')}"

    return tabulate(
        notebooks,
        ("network", link),
        "parameters",
        ("reads, in %", lambda recipe: unbroken(mean_std(estimate(card.read(recipe))))),
        ("trainings", lambda recipe: len(card.read(recipe))),
        (f"a mean of at least {ENOUGH:.2f}", enough),
        ("other digits too", overall),
    )


def findings() -> str:
    """What was found on the way, in words that need no explanation."""
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
{after} % ({len(last(best))} trainings each). In percentage points: {"; ".join(gains)}.
- **Peeking.** Of the {len(stages)} published stages {quoted} quote the best test accuracy seen in \
training. Here that adds {added[0]:.2f} points to the first step and {added[1]:.2f} to the last, \
with the same networks.
- **Speed.** A published network, trained the usual way, takes \
{seconds[speed.BASELINE]:.0f} seconds, and {seconds[speed.COURSE]:.0f} in this course's faster \
version, which ends at {mean_std(usual)} % ({usual.n} trainings). The record takes \
{seconds[speed.RECORD]:.1f} seconds on the same machine ({race["machine"]}): all digits once, \
then {again} times the hardest quarter. The first record took {seconds[speed.FIRST]:.1f} seconds \
to {mean_std(first_one)} % ({first_one.n} trainings).
- **Other digits.** {robust.finding()}"""
