"""The head of the README, every number from made-up runs."""

import re

import pytest
from made_up import columns, of, row

from utils.experiments.few_bytes import BYTES
from utils.experiments.second_freeze import SECOND
from utils.experiments.speed import FASTEST
from utils.experiments.steps import STEPS
from utils.lab.report import few_bytes, headlines, paired
from utils.lab.runs import results
from utils.support.paths import ROOT

ALMOST = (99.41, 99.42, 99.44, 99.45, 99.46)  # at least 99.40 with p = 0.009
FILE = BYTES[3000]


@pytest.fixture
def read(runs, monkeypatch):
    """Runs to be changed, of which whole numbers read 99.30 % and 99.32 %."""
    found = [{"seed": seed, "rounded": {"correct": 9930 + 2 * seed}} for seed in (0, 1)]
    monkeypatch.setattr(results, "reported", lambda name: found)
    return runs


def test_every_kind_of_network_has_a_row_that_leads_to_its_notebook(read):
    read[STEPS[-1].name] = of(99.40, 99.50, 99.60)
    found = columns(headlines.networks())
    places = [re.fullmatch(r"\[(.+)\]\((.+)\)", name) for name in found["network"]]
    assert all((ROOT / place[2]).is_file() for place in places)
    told = [place[1] for place in places]
    assert told[0] == "the last of the four steps"
    assert re.fullmatch(r"trained in \d\.\d seconds", told[1])
    assert told[2:6] == [f"at most {limit:,} parameters" for limit in SECOND]
    files = [f"a file of {few_bytes.size(recipe):,} bytes" for recipe in BYTES.values()]
    assert told[-2:] == files and told[-3] == "trained on spoiled digits"
    assert found["reads, in %"][0] == "99.50\u00a0±\u00a00.10" and found["trainings"][0] == 3
    assert found["95 %, other digits too"][0] == paired.overall(STEPS[-1])


def test_of_a_file_it_is_told_what_its_whole_numbers_read(read):
    read[FILE.name] = of(99.40, 99.50)
    found = row(headlines.networks(), f"[a file of {few_bytes.size(FILE):,}")
    assert found["reads, in %"] == "99.31\u00a0±\u00a00.01" and found["trainings"] == 2


def test_a_mean_is_asked_for_where_it_was_set_and_a_third_try_at_a_third_of_the_level(read):
    for recipe in (FASTEST, SECOND[3500], SECOND[8000]):
        read[recipe.name] = of(*ALMOST)
    table, asked = headlines.networks(), "a mean of at least 99.40"
    assert row(table, "[at most 3,500")[asked] == "yes (p = 0.009)"
    assert row(table, "[trained in")[asked] == "not shown (p = 0.009)"
    assert row(table, "[at most 8,000")[asked] == "", "99.60 was"


def test_the_steps_and_what_peeking_adds_are_told(read):
    read[STEPS[0].name] = of(98.9, 99.1, best=99.2)
    told = headlines.findings()
    assert "The first step's network reads 99.00 ± 0.14 %" in told
    assert "Here that adds 0.20 points to the first step" in told
    assert [line.split("**")[1] for line in told.splitlines()] == [
        "Four steps.",
        "Peeking.",
        "Speed.",
        "Spoiled digits.",
    ]
