"""Every picture: made, labelled, titled with its finding, and honest about which set it shows."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from utils import plots
from utils.experiments.steps import REGULARIZATION, SKELETON
from utils.history import Evaluation, History
from utils.lab.report import comparisons
from utils.recipes import build_model


def history(epochs=4):
    return History(
        train_samples=1000,
        test_samples=500,
        lr=[0.1] * epochs,
        seconds=[1.0] * epochs,
        train_loss=np.linspace(0.5, 0.1, epochs).tolist(),
        train_correct=np.linspace(900, 980, epochs).astype(int).tolist(),
        test_loss=np.linspace(0.4, 0.05, epochs).tolist(),
        test_correct=np.linspace(450, 495, epochs).astype(int).tolist(),
    )


def answers(labels):
    probabilities = torch.full((len(labels), 10), 0.02)
    predictions = labels.clone()
    predictions[:7] = (labels[:7] + 1) % 10
    probabilities[torch.arange(len(labels)), predictions] = 0.82
    return Evaluation(probabilities, labels, loss=0.1)


def pictures(digits, name):
    images, labels = digits.test_images, digits.test_labels
    found = answers(labels)
    model = build_model(REGULARIZATION)
    return {
        "sample_grid": plots.sample_grid(images, labels, name),
        "class_spread": plots.class_spread({d: 100 + d for d in range(10)}, name),
        "augmented_samples": plots.augmented_samples(
            images[:6], {"one": [images[:6]], "two": [images[:6], images[:6]]}, name
        ),
        "curves": plots.curves(history(), name),
        "confusion_matrix": plots.confusion_matrix(labels, found.predictions, name),
        "misclassified": plots.misclassified(images, found.mistakes(), name),
        "receptive_field_growth": plots.receptive_field_growth(model, images[0], name),
    }


@pytest.fixture(scope="module")
def on_mnist(digits):
    return pictures(digits, "MNIST")


@pytest.fixture(scope="module")
def on_another(digits):
    return pictures(digits, "MNIST-5k")


def of_no_set():
    model = build_model(SKELETON)
    return {
        "learning_rate": plots.learning_rate(
            {"constant": [0.1] * 4, "falling": [0.2, 0.1, 0.05, 0.01]}, 2
        ),
        "network": plots.network(model),
        "steps": comparisons.steps(["a", "b"], [[99.0, 99.1], [99.4, 99.5]], [98.9, 99.5]),
        "seed_curves": comparisons.seed_curves([history(), history()], "two seeds"),
        "by_size": comparisons.by_size(
            {"one": {"A": (3000, [99.0, 99.1])}, "two": {"A": (3000, [99.2, 99.4])}},
            {"A": (3000, 99.5), "B": (9000, 99.1)},
            "a finding",
        ),
        "small_multiples": comparisons.small_multiples(
            {f"panel {n}": {"one": [history(), history()]} for n in range(4)}, "a finding"
        ),
        "schedules": comparisons.schedules({"flat": [0.1] * 4, "down": [0.1, 0.05, 0.01]}, 2),
        "peek": comparisons.peek({"one": [0.1, 0.0], "two": [0.3]}, "a finding"),
        "race": comparisons.race(
            {"the slow one": [90.0, 95.0], "the fast one": [5.0, 6.0]},
            {"the slow one": [99.0, 99.2], "the fast one": [99.4, 99.5]},
            "a finding",
        ),
        "chain": comparisons.chain(["one", "two"], [90.0, 5.5], [[99.0, 99.1]] * 2, "a finding"),
        "stacked": comparisons.stacked(
            {"a bar": {"this": 3.0, "that": 1.0}, "another": {"this": 1.0, "that": 0.5}},
            "seconds",
            "a finding",
        ),
    }


def title(figure):
    return figure.get_suptitle()


def test_every_picture_is_a_titled_figure_and_none_stays_open(on_mnist):
    for name, figure in (on_mnist | of_no_set()).items():
        assert isinstance(figure, Figure), name
        assert title(figure), name
        FigureCanvasAgg(figure).draw()
    assert plt.get_fignums() == []


def test_a_title_names_the_set_where_it_is_not_mnist(on_mnist, on_another):
    assert all("[MNIST-5k]" in title(figure) for figure in on_another.values())
    assert not any("[" in title(figure) for figure in on_mnist.values())


@pytest.mark.parametrize("name", ["class_spread", "curves", "confusion_matrix"])
def test_charts_label_their_axes(on_mnist, name):
    for axes in on_mnist[name].axes:
        if axes.get_label() != "<colorbar>":
            assert axes.get_xlabel() and axes.get_ylabel(), name


def test_charts_of_no_set_label_their_axes():
    charts = of_no_set()
    for name in ("learning_rate", "seed_curves", "by_size", "schedules"):
        assert all(axes.get_xlabel() and axes.get_ylabel() for axes in charts[name].axes), name
    assert charts["steps"].axes[0].get_ylabel() == "test accuracy in %"


def test_nothing_leaves_its_figure(on_mnist):
    for name, figure in (on_mnist | of_no_set()).items():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        drawn = figure.get_tightbbox(canvas.get_renderer())
        width, height = figure.get_size_inches()
        assert drawn.x0 >= -0.02 and drawn.y0 >= -0.02, f"{name}: {drawn}"
        assert drawn.x1 <= width + 0.02 and drawn.y1 <= height + 0.02, f"{name}: {drawn}"


def test_titles_say_what_was_found(on_mnist):
    assert "9 is 1.09 times as frequent as 0" in title(on_mnist["class_spread"])
    assert "ends at 99.00 %, test 1.00 above train" in title(on_mnist["curves"])
    assert "7 of 1,000 wrong" in title(on_mnist["confusion_matrix"])
    assert "7 of 1,000 wrong, 0 of them with over 90 %" in title(on_mnist["misclassified"])
    assert "9,264 parameters; one output sees 28 × 28" in title(of_no_set()["network"])
    assert title(of_no_set()["schedules"]).endswith("above half of it in the end: flat")


def test_the_learning_rate_title_holds_the_true_peak():
    figure = plots.learning_rate({"bump": [0.1, 0.3, 0.2, 0.01]}, epochs=2)
    assert title(figure) == "bump: 0.1 at first, at most 0.3 after 0.5 epochs, 0.01 at last"


def test_an_empty_history_has_no_curves():
    with pytest.raises(ValueError, match="no epoch was finished"):
        plots.curves(history(0), "MNIST")


def test_confused_pairs_count_both_directions():
    labels = torch.tensor([4, 9, 9, 9, 1, 1, 2])
    predictions = torch.tensor([9, 4, 4, 9, 7, 1, 2])
    found = plots.confused_pairs(labels, predictions)
    assert found.rows == [
        ["(4, 9)", 3, "1 of 4 as 9, 2 of 9 as 4"],
        ["(1, 7)", 1, "1 of 1 as 7, 0 of 7 as 1"],
    ]


def test_a_perfect_answer_can_be_drawn_too(digits):
    labels = digits.test_labels
    assert "0 of 1,000 wrong" in title(plots.confusion_matrix(labels, labels, "MNIST"))
    perfect = Evaluation(torch.eye(10)[labels], labels, 0.0)
    assert plots.misclassified(digits.test_images, perfect.mistakes(), "MNIST").axes
    assert plots.confused_pairs(labels, labels).rows == []
