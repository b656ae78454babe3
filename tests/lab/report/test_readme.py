"""What README and RESULTS say is what was recorded."""

import re

import numpy as np
import pytest

from utils.experiments import catalogue
from utils.experiments.steps import STEPS
from utils.experiments.studies import STOCK_ENGINE
from utils.lab.report import readme
from utils.lab.report.intervals import paired_difference
from utils.lab.runs import results
from utils.support.paths import ROOT

TEXT = readme.RESULTS.read_text(encoding="utf-8")


def test_readme_and_results_are_what_the_recorded_runs_say():
    made = readme.sections()
    for path in (readme.README, readme.RESULTS):
        text = path.read_text(encoding="utf-8")
        assert readme.updated(text, made[path.name], path.name) == text, "run: make report"


def test_the_readme_is_read_in_two_minutes():
    text = readme.README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert "target" not in text.lower(), "what was set and missed stays in the notebooks"
    assert max(line.count("|") for line in text.splitlines()) <= 8, "at most seven columns"
    headings = re.findall(r"^#+ (.+)$", TEXT, flags=re.M)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    linked = re.findall(r"\((?:RESULTS\.md)?#([\w-]+)\)", text + TEXT)
    assert linked and set(linked) <= anchors


PAIRS = [(stock.name, batched.name) for batched, stock in STOCK_ENGINE.items()]
REPORTED = [*(recipe.name for recipe in STEPS), *(name for pair in PAIRS for name in pair)]


@pytest.mark.parametrize("name", REPORTED)
def test_the_reported_seeds_are_all_there(name):
    assert results.last_accuracies(name).index.tolist() == list(results.SEEDS)


@pytest.mark.parametrize("name", catalogue.EXPERIMENTS)
def test_recorded_runs_are_whole_clean_and_of_one_kind(name):
    first, runs = results.reported("01_skeleton")[0], results.reported(name)
    assert len({run["machine"] for run in runs}) == 1
    for run in results.recorded(catalogue.recipe(name)).values():
        assert "+changes" not in run["git_commit"] and run["git_commit"] != "unknown"
        assert len(run["history"]["lr"]) == catalogue.recipe(name).epochs
        for key in ("data_md5", "versions", "threads", "device"):
            assert run[key] == first[key], key


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[1])
def test_the_engines_show_no_difference_beyond_noise(pair):
    """What lets the batched engine train in albumentations' place."""
    assert not paired_difference(*map(results.last_accuracies, pair)).excludes_zero


def test_the_engines_show_no_difference_over_all_networks_either():
    before, after = (
        np.mean([results.last_accuracies(pair[at]) for pair in PAIRS], 0) for at in (0, 1)
    )
    gap = paired_difference(before, after)
    assert gap.n >= 5 and not gap.excludes_zero
    assert abs(gap.mean) < 0.1, "points"


def test_the_lock_file_holds_the_versions_the_results_were_made_with():
    lines = (ROOT / "requirements-lock.txt").read_text(encoding="utf-8").splitlines()
    lock = dict(line.split("==") for line in lines if "==" in line)
    versions = results.reported(REPORTED[0])[0]["versions"]
    assert {p: v for p, v in versions.items() if p != "python"}.items() <= lock.items()


def updated(text, one="| 1 |", two="| 2 |"):
    return readme.updated(text, {"one": one, "two": two})


@pytest.fixture
def short():
    """A README of two sections, and paragraphs around them."""
    return updated(
        "Head.\n\n<!-- begin:one -->\nold\n<!-- end:one -->\n\nBetween.\n\n"
        "<!-- begin:two -->\n<!-- end:two -->\n\nTail.\n"
    )


def test_only_what_stands_between_the_markers_is_rewritten(short):
    assert short == (
        "Head.\n\n<!-- begin:one -->\n\n| 1 |\n\n<!-- end:one -->\n\nBetween.\n\n"
        "<!-- begin:two -->\n\n| 2 |\n\n<!-- end:two -->\n\nTail.\n"
    )
    other = {"one": "| 1 |\n| 1 |", "two": "| 3 |"}
    expected = short.replace("| 1 |", "| 1 |\n| 1 |").replace("| 2 |", "| 3 |")
    assert updated(short, **other) == expected == updated(expected, **other)


END = "<!-- end:one -->\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(END, ""), "begin:one"),
        (lambda text: text.replace(END, "") + END, "begin:one"),  # it would delete section two
        (lambda text: text.replace(END, "").replace("Between.\n", f"Between.\n{END}"), "begin:one"),
        (lambda text: text.replace("<!-- begin:one -->\n", ""), "end:one"),
        (lambda text: text.replace("end:one", "end:two"), "begin:one"),
        (lambda text: text.replace(":two", ":other"), "at odds with sections: other, two"),
        (lambda text: text + text, "at odds with sections: one, two"),
        (lambda text: "Nothing.", "at odds with sections: one, two"),
    ],
    ids=[
        "lost",
        "too far",
        "a paragraph too far",
        "no begin",
        "another's",
        "unknown",
        "twice",
        "none",
    ],
)
def test_a_misplaced_marker_is_named_and_nothing_is_deleted(short, change, message):
    with pytest.raises(ValueError, match=rf"README\.md: .*{message}"):
        updated(change(short))


def test_an_end_marker_moved_by_a_paragraph_deletes_nothing_of_the_results():
    names = [found["name"] for found in readme.SECTION.finditer(TEXT)]
    for name in names:
        before, marker, after = TEXT.partition(f"<!-- end:{name} -->")
        paragraph, blank, rest = after.lstrip().partition("\n\n")
        with pytest.raises(ValueError, match=r"enclose more than a section"):
            moved = before + paragraph + blank + marker + blank + rest
            readme.updated(moved, dict.fromkeys(names, "| 1 |"))


def test_write_says_what_it_rewrote(short, monkeypatch, tmp_path, capsys):
    for name in ("README", "RESULTS"):
        path, old = tmp_path / f"{name}.md", short.replace("| 1 |", "| 0 |") + "× ü\n"
        path.write_text(old, encoding="utf-8")
        monkeypatch.setattr(readme, name, path)
    both = {name: {"one": "| 1 |", "two": "| 2 |"} for name in ("README.md", "RESULTS.md")}
    monkeypatch.setattr(readme, "sections", lambda: both)
    monkeypatch.setattr(readme.figures, "write", lambda: ["steps.png"])
    monkeypatch.setattr(results, "check_fresh", lambda: None)
    readme.write()
    assert "rewritten: steps.png, README.md, RESULTS.md" in capsys.readouterr().out
    assert readme.RESULTS.read_text(encoding="utf-8") == short + "× ü\n"
    monkeypatch.setattr(readme.figures, "write", list)
    readme.write()
    assert "nothing" in capsys.readouterr().out
