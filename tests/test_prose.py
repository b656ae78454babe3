"""Prose and numbers agree: a decimal in a notebook's text stands in what the notebook shows.

What this cannot see is a wrong number that the same notebook shows elsewhere: of last digits
changed by three, about half are found.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))  # tests/test_solutions.py has the others

# 99.42, 0.067, +0.25 and 9,380.5; not a version (2.0.8), an exercise's number (03.1) or a name.
DECIMAL = re.compile(r"(?<![\w.,])\d[\d,]*\.\d+(?![\d,]*\.\d)(?!\w)")
# What carries no number of the notebook's own: fenced code, links' addresses.
NO_PROSE = re.compile(r"^```.*?^```|(?<=\])\([^)\s]*\)|https?://\S+", flags=re.M | re.S)
SENTENCE = re.compile(r"(?<=[.:?!])\s+(?=[A-Z*`\[-])|\n\s*\n")


# Numbers that belong together: 99.48 ± 0.05, and +0.16 [+0.05, +0.28].
TOGETHER = re.compile(r"\d+\.\d+ ± \d+\.\d+|[-+]\d+\.\d+ \[[-+]\d+\.\d+, [-+]\d+\.\d+\]")


def decimals(text: str) -> set[str]:
    """The decimals of ``text``, without their signs and thousands' commas, and what belongs
    together whole, so that a bound of one interval does not stand for another's."""
    text = " ".join(text.replace("\N{MINUS SIGN}", "-").replace("**", "").split())
    alone = {found.replace(",", "") for found in DECIMAL.findall(text)}
    return alone | set(TOGETHER.findall(text))


def shown(notebook) -> set[str]:
    """Every decimal that a notebook prints, tabulates or has in its code.

    What differs from one live run to the next is left out: prose that quotes it would be wrong
    at the next run.
    """
    texts = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        texts.append(cell.source)
        live = "nbval-ignore-output" in cell.metadata.get("tags", [])
        for output in [] if live else cell.outputs:
            found = output.get("data", {})
            texts.append(output.get("text", ""))
            texts += [found.get(f"text/{kind}", "") for kind in ("plain", "markdown", "html")]
    return decimals("\n".join("".join(text) for text in texts))


def recorded() -> set[str]:
    """Every decimal of the figures kept outside a notebook: published ones, targets, settings.

    The seconds of single turns are left out: among so many, any number would be found.
    """
    found = decimals((ROOT / "assets" / "published.json").read_text(encoding="utf-8"))
    settings = [ROOT / "utils" / "schedules.py", *(ROOT / "utils" / "experiments").glob("*.py")]
    for path in settings:
        found |= decimals(path.read_text(encoding="utf-8"))
    return found


def unfounded(notebook, name: str, known: Iterable[str] = ()) -> list[str]:
    """A line for each decimal in the prose of ``notebook`` that nothing carries.

    Exercises are left out: they propose numbers, they do not report any.
    """
    found = {_value(number) for number in (*shown(notebook), *known)}
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    prose = [source for source in cells if not source.startswith("## Exercises")]
    return [
        f"{name}: {number} stands in no output, no code and no recorded figure: "
        f"{' '.join(sentence.split())!r}"
        for source in prose
        for sentence in SENTENCE.split(NO_PROSE.sub(" ", source))
        for number in sorted(decimals(sentence))
        if _value(number) not in found
    ]


def _value(number: str) -> str:
    """``0.10`` is ``0.1``, in code and in a table; of 99.4 and 99.40 each has to stand there."""
    return number.rstrip("0") if re.fullmatch(r"0\.\d+", number) else number


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT / "notebooks")))
def test_every_decimal_in_prose_is_carried_by_a_number(path):
    name = path.relative_to(ROOT / "notebooks").with_suffix("").as_posix()
    wrong = unfounded(nbformat.read(path, as_version=4), name, recorded())
    assert wrong == [], "\n".join(["", *wrong])


# --------------------------------------------------------------------------- the check itself


def a_notebook(text: str):
    """A notebook with ``text`` as its prose, and decimals in each place that counts."""
    cell, output, page = nbformat.v4.new_code_cell, nbformat.v4.new_output, "display_data"
    outputs = [
        output("stream", text="Recorded: 98.976. Of 9,380.5 in all"),
        output(page, {"text/markdown": "| last epoch |\n| ---: |\n| 99.42 ± 0.067 |"}),
        output(page, {"text/html": "<td>+0.25 [-0.04, +0.51]</td>", "text/plain": "low 12.5"}),
        output(page, {"image/png": "1.53719"}),
    ]
    code = cell("recipe.variant(dropout=0.1)", outputs=outputs)
    live = cell("run.fit()", outputs=[output("stream", text="8.2 s")])
    live.metadata["tags"] = ["nbval-ignore-output"]
    exercises = nbformat.v4.new_markdown_cell("## Exercises\n\n1. Raise it to 7.7.")
    prose = nbformat.v4.new_markdown_cell(text)
    return nbformat.v4.new_notebook(cells=[prose, code, live, exercises])


FOUNDED = (
    "It ends at **99.42** ± 0.067. The change is +0.25\n[-0.04, +0.51], of 9,380.5; "
    "12.5 % and 0.10 count, too.\n\n"
    "See [x](https://example.org/7.7/8.8), albumentations 2.0.8 and\n```python\nx = 6.6\n```\n"
)


def test_numbers_that_are_shown_pass():
    assert unfounded(a_notebook(FOUNDED), "made up") == []


@pytest.mark.parametrize("number", ["99.42", "0.067", "0.25", "0.51", "9,380.5", "12.5", "0.10"])
def test_any_changed_number_is_named_with_its_sentence(number):
    other = f"{number[:-1]}{(int(number[-1]) + 3) % 10}"
    wrong = unfounded(a_notebook(FOUNDED.replace(number, other)), "made up")
    assert any(line.startswith(f"made up: {other.replace(',', '')} stands in no") for line in wrong)
    assert all(other in line.split("recorded figure: ")[1] for line in wrong)
    assert all(("It ends at" in line) == (number in ("99.42", "0.067")) for line in wrong)


def test_an_interval_is_one_thing():
    wrong = "The change is +0.25 [-0.04, +0.25]."  # each of its numbers is shown
    (line,) = unfounded(a_notebook(wrong), "made up")
    assert line.startswith("made up: +0.25 [-0.04, +0.25] stands in no output")


def test_a_recorded_figure_carries_a_number_a_live_run_and_a_picture_do_not():
    notebook = a_notebook("Published are 99.53. The picture has 1.53719. It took 8.2 seconds.")
    assert len(unfounded(notebook, "made up")) == 3
    assert len(unfounded(notebook, "made up", recorded())) == 2
