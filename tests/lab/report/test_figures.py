"""The README's figures show what was recorded, and are rewritten when that changes."""

import json
from statistics import mean

import matplotlib.pyplot as plt
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from utils import plot_style
from utils.experiments import catalogue
from utils.experiments.published import COMMONS, DESIGNS
from utils.experiments.recorded import FOLDER
from utils.experiments.second_freeze import SECOND
from utils.experiments.steps import STEPS
from utils.lab.report import figures


@pytest.fixture(scope="module")
def drawn(mnist):
    """Every figure of the README."""
    return {file: draw() for file, draw in figures.FIGURES.items()}


@pytest.fixture(scope="module")
def digests(drawn):
    return {file: figures.digest(figure) for file, figure in drawn.items()}


def recorded(name, key="test_accuracy_last"):
    """What a recipe's files say, seed by seed."""
    known = catalogue.get(name)
    seeds = range(known.first, known.first + max(5, known.seeds))
    paths = [FOLDER / name / f"seed-{seed}.json" for seed in seeds]
    return [json.loads(path.read_text(encoding="utf-8"))[key] for path in paths if path.exists()]


def heights(marks):
    return marks.get_offsets()[:, 1].tolist()


@pytest.mark.parametrize("file", figures.FIGURES)
def test_a_file_shows_what_is_recorded_now(digests, file):
    old = f"assets/figures/{file} is old: run make report"
    assert figures.recorded_digest(file) == digests[file], old


@pytest.mark.parametrize("file", figures.FIGURES)
def test_nothing_leaves_a_figure_and_none_stays_open(drawn, digests, file):
    canvas = FigureCanvasAgg(drawn[file])
    canvas.draw()
    box = drawn[file].get_tightbbox(canvas.get_renderer())
    width, height = drawn[file].get_size_inches()
    assert min(box.x0, box.y0) > -0.02 and box.x1 < width + 0.02 and box.y1 < height + 0.02
    assert drawn[file].get_suptitle() and plt.get_fignums() == []


def test_the_steps_are_the_recorded_seeds_and_the_published_runs(drawn):
    (axes,) = drawn["steps.png"].axes
    *seeds, published = [marks for marks in axes.collections if len(marks.get_offsets()) > 1]
    assert [heights(marks) for marks in seeds] == [recorded(step.name) for step in STEPS]
    assert heights(published) == [98.76, 99.42, 99.41, 99.53]
    means = [mean(recorded(step.name)) for step in STEPS]
    assert [line.get_ydata()[at] for line in axes.lines[:1] for at in range(4)] == pytest.approx(
        means
    )
    texts = [tick.get_text() for tick in axes.get_xticklabels()]
    assert [f"{value:.2f} %" in text for value, text in zip(means, texts, strict=True)] == [
        True
    ] * 4


def test_the_curves_are_the_means_of_the_recorded_epochs(drawn):
    histories = recorded(STEPS[-1].name, "history")
    left, right = drawn["curves.png"].axes
    for axes, quantity, scale in ((left, "loss", 1), (right, "correct", 100)):
        for line, part in zip(axes.lines, ("train", "test"), strict=True):
            of = 1 if scale == 1 else histories[0][f"{part}_samples"]
            values = zip(*(run[f"{part}_{quantity}"] for run in histories), strict=True)
            expected = [scale * mean(epoch) / of for epoch in values]
            assert line.get_ydata() == pytest.approx(expected)


def test_the_mistakes_are_those_of_every_seed(drawn, mnist):
    wrong = recorded(STEPS[-1].name, "misclassified")
    always = set.intersection(*(set(run["indices"]) for run in wrong))
    shown = [axes for axes in drawn["misclassified.png"].axes if axes.images]
    order = sorted(
        (at for at in range(len(wrong[0]["indices"])) if wrong[0]["indices"][at] in always),
        key=lambda at: -wrong[0]["probabilities"][at],
    )
    first = wrong[0]["indices"][order[0]]
    assert (shown[0].images[0].get_array() == mnist.test_images[first].numpy()).all()
    assert f"{len(always)} digits" in drawn["misclassified.png"].get_suptitle()
    pairs = [f"{wrong[0]['labels'][at]} → {wrong[0]['predictions'][at]}" for at in order]
    titles = [axes.get_title() for axes in shown]
    assert [t.startswith(pair) for t, pair in zip(titles, pairs, strict=False)] == [True] * len(
        shown
    )


@pytest.mark.parametrize(
    ("file", "line", "recipes"),
    [
        ("designs.png", 0, COMMONS.values()),
        ("frontier.png", 0, SECOND.values()),
    ],
)
def test_the_means_are_those_of_the_recorded_seeds(drawn, file, line, recipes):
    axes, *_ = drawn[file].axes
    expected = [mean(recorded(recipe.name)) for recipe in recipes]
    assert axes.lines[line].get_ydata() == pytest.approx(expected)


def test_the_published_designs_are_where_their_texts_say(drawn):
    (axes,) = drawn["designs.png"].axes
    published = [catalogue.get(recipe.name).published for recipe in (*STEPS, *DESIGNS)]
    (crosses,) = [marks for marks in axes.collections if len(marks.get_offsets()) == 12]
    points = {(p.parameters, p.test) for p in published}
    assert set(map(tuple, crosses.get_offsets().tolist())) == points


# --------------------------------------------------------------------------- when files change


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write a picture of these points in this colour, elsewhere; whether the file was replaced."""

    def draw(points=(1, 2), color="blue", text="a finding"):
        def picture():
            figure, axes = plot_style.figure()
            axes.plot(points, color=color)
            return plot_style.title(figure, text)

        monkeypatch.setattr(figures, "FIGURES", {"one.png": picture})
        return figures.write() == ["one.png"]

    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    assert draw()
    return draw


def test_a_file_is_replaced_only_where_it_would_show_something_else(written, tmp_path):
    before = (tmp_path / "one.png").stat().st_mtime_ns
    assert not written() and (tmp_path / "one.png").stat().st_mtime_ns == before
    assert written(points=(1, 2.01)), "another number"
    assert written(text="another finding")
    assert written(text="another finding", color="red")
    assert not written(text="another finding", color="red")


def test_a_digest_tells_numbers_and_words_apart_and_no_colours(written):
    def digest(**options):
        written(**options)
        return figures.recorded_digest("one.png")

    assert digest() == digest(color="red")
    assert len({digest(), digest(points=(1, 2.01)), digest(text="another finding")}) == 3
