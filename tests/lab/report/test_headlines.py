"""The head of the README, every number from made-up runs."""

import re

import pytest
from made_up import columns, of, row

from utils.experiments.few_bytes import BYTES
from utils.experiments.second_freeze import SECOND
from utils.experiments.speed import FASTEST
from utils.experiments.steps import STEPS
from utils.lab.report import card, few_bytes, headlines, paired
from utils.support.paths import ROOT

ALMOST = (99.41, 99.42, 99.44, 99.45, 99.46)  # at least 99.40 with p = 0.009


@pytest.fixture
def read(runs, monkeypatch):
    """What the files of a recipe read is what its runs did."""
    monkeypatch.setattr(card, "read", paired.last)
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
    assert found["other digits too"][0] == paired.overall(STEPS[-1])


def test_a_third_try_needs_a_third_of_the_level(read):
    for recipe in (FASTEST, SECOND[8000], SECOND[2000]):
        read[recipe.name] = of(*ALMOST)
    read[SECOND[2000].name] = of(99.2, 99.21, 99.22)
    table, asked = headlines.networks(), "a mean of at least 99.40"
    assert row(table, "[at most 8,000")[asked] == "yes (p\u00a0=\u00a00.009)"
    assert row(table, "[trained in")[asked] == "not shown (p\u00a0=\u00a00.009)"
    assert row(table, "[at most 2,000")[asked].startswith("no: shown to be lower, by 0.190 (")


def test_the_steps_and_what_peeking_adds_are_told(read):
    read[STEPS[0].name] = of(98.9, 99.1, best=99.2)
    told = headlines.findings()
    assert "The first step's network reads 99.00 ± 0.14 %" in told
    assert "Here that adds 0.20 points to the first step" in told
    assert [line.split("**")[1] for line in told.splitlines()] == [
        "Four steps.",
        "Peeking.",
        "Speed.",
        "Other digits.",
    ]
