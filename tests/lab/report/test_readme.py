"""What README and RESULTS say is what was recorded."""

import re
from collections import Counter

import pytest

from utils.experiments import catalogue
from utils.experiments.steps import STEPS
from utils.lab.report import readme, studies
from utils.lab.runs import results
from utils.support.paths import ROOT

TEXT = readme.README.read_text(encoding="utf-8")
RESULTS = readme.RESULTS.read_text(encoding="utf-8")


def test_readme_and_results_are_what_the_recorded_runs_say():
    for path, text in readme.pages().items():
        assert path.read_text(encoding="utf-8") == text, "run: make report"


def test_no_object_is_printed_into_a_page():
    """A value whose text was forgotten, such as Estimate(mean=99.4)."""
    assert not re.search(r"\w\(\w+=|<\w[\w.]* object|\bnan\b", TEXT + RESULTS)


def test_no_number_with_decimals_is_typed_into_a_page():
    """But in a sentence on versions or licences, which no run decides."""
    words = readme.TEMPLATE.read_text(encoding="utf-8") + readme.SECTION.sub("", TEXT)
    found = {line for line in words.splitlines() if re.search(r"\d\.\d", line)}
    typed = {line for line in found if not re.search(r"Python 3|CC BY-SA|99\.4 %", line)}
    assert not typed


def test_the_readme_is_read_in_two_minutes():
    text = TEXT
    assert len(text.splitlines()) <= 200
    assert "target" not in text.lower(), "what was set and missed stays in the notebooks"
    assert max(line.count("|") for line in text.splitlines()) <= 8, "at most seven columns"
    anchors = set(map(readme.anchor, re.findall(r"^#+ (.+)$", RESULTS, flags=re.M)))
    linked = re.findall(r"\((?:RESULTS\.md)?#([\w-]+)\)", text + RESULTS)
    assert linked and set(linked) <= anchors


REPORTED = [recipe.name for recipe in STEPS]


@pytest.mark.parametrize("name", REPORTED)
def test_the_reported_seeds_are_all_there(name):
    assert results.last_accuracies(name).index.tolist() == list(range(5))


MACHINES = {"second_20000": [10, 10]}  # it takes the longest; RESULTS says so


@pytest.mark.parametrize("name", catalogue.reported())
def test_recorded_runs_are_whole_clean_and_of_one_kind(name):
    first, runs = results.reported("01_skeleton")[0], results.reported(name)
    by_machine = Counter(run["machine"] for run in runs)
    assert list(by_machine.values()) == MACHINES.get(name, [len(runs)])
    for run in results.recorded(catalogue.recipe(name)).values():
        assert "+changes" not in run["git_commit"] and run["git_commit"] != "unknown"
        assert len(run["history"]["lr"]) == catalogue.recipe(name).epochs
        for key in ("data_md5", "versions", "threads", "device"):
            assert run[key] == first[key], key


def test_the_engines_are_equivalent_on_validation():
    """What lets the batched engine train in albumentations' place."""
    *_, mean = studies.engines().rows
    assert mean[-1].startswith("yes"), mean


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


def test_a_place_without_its_section_is_named():
    with pytest.raises(ValueError, match="at odds with sections: one, two"):
        readme.filled("{{one}}", {"two": "| 2 |"})


def test_the_contents_link_every_heading():
    text = "{{contents}}\n\n## The steps\n\n{{one}}\n\n## Speed, and more\n"
    assert readme.contents(text) == (
        "- [The steps](#the-steps)\n- [Speed, and more](#speed-and-more)"
    )


def test_an_end_marker_moved_by_a_paragraph_deletes_nothing_of_the_readme():
    names = [found["name"] for found in readme.SECTION.finditer(TEXT)]
    for name in names:
        before, marker, after = TEXT.partition(f"<!-- end:{name} -->")
        paragraph, blank, rest = after.lstrip().partition("\n\n")
        with pytest.raises(ValueError, match=r"enclose more than a section"):
            moved = before + paragraph + blank + marker + blank + rest
            readme.updated(moved, dict.fromkeys(names, "| 1 |"))


def test_write_says_what_it_rewrote(short, monkeypatch, tmp_path, capsys):
    for name in ("README", "RESULTS", "TEMPLATE"):
        monkeypatch.setattr(readme, name, tmp_path / f"{name}.md")
    for name in ("PATH", "TEMPLATE"):
        monkeypatch.setattr(readme.card, name, tmp_path / f"card_{name}.md")
    readme.card.TEMPLATE.write_text("{{networks}}\n", encoding="utf-8")
    monkeypatch.setattr(readme.card, "table", lambda: "| 3 |")
    old = short.replace("| 1 |", "| 0 |") + "× ü\n"
    readme.README.write_text(old, encoding="utf-8")
    readme.TEMPLATE.write_text("{{contents}}{{one}} × ü\n", encoding="utf-8")
    monkeypatch.setattr(readme, "readme_sections", lambda: {"one": "| 1 |", "two": "| 2 |"})
    monkeypatch.setattr(readme, "results_sections", lambda: {"one": "| 1 |"})
    monkeypatch.setattr(readme.figures, "write", lambda: ["steps.png"])
    monkeypatch.setattr(results, "check_fresh", lambda: None)
    monkeypatch.setattr(readme, "images_of", lambda name: None)  # of MNIST, where there may be none
    monkeypatch.setattr(readme.audit, "refused", lambda images: [])
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    (tmp_path / "results" / "a_recipe").mkdir(parents=True)
    monkeypatch.setattr(readme.kept, "gather", lambda folder: folder / "networks")
    readme.write()
    said = "rewritten: networks of a_recipe, steps.png, README.md, RESULTS.md, card_PATH.md"
    assert said in capsys.readouterr().out
    assert readme.README.read_text(encoding="utf-8") == short + "× ü\n"
    assert readme.RESULTS.read_text(encoding="utf-8") == "| 1 | × ü\n"
    assert readme.card.PATH.read_text(encoding="utf-8") == "| 3 |\n"
    monkeypatch.setattr(readme.figures, "write", list)
    monkeypatch.setattr(readme.kept, "gather", lambda folder: None)
    readme.write()
    assert "nothing" in capsys.readouterr().out
    monkeypatch.setattr(readme.audit, "refused", lambda images: ["01_skeleton seed 1: no run"])
    with pytest.raises(results.BadResult, match="01_skeleton seed 1: no run"):
        readme.write()
