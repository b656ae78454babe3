"""Every picture: made, labelled, titled with its finding, and honest about which set it shows."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import nn

from utils import plot_style, plots
from utils.experiments.steps import REGULARIZATION
from utils.history import Evaluation, History
from utils.recipes import build_model

MODEL = build_model(REGULARIZATION)


def history(epochs=4):
    return History(
        train_samples=1000,
        test_samples=500,
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


def of_a_set(digits, name):
    images, labels = digits.test_images, digits.test_labels
    found, few = answers(labels), images[:6]
    return {
        "sample_grid": plots.sample_grid(images, labels, name),
        "class_spread": plots.class_spread({d: 100 + d for d in range(10)}, name),
        "before_and_after": plots.before_and_after(
            few, {"one": [few.float()], "two": [few, few]}, name, "same"
        ),
        "curves": plots.curves(history(), name),
        "confusion_matrix": plots.confusion_matrix(labels, found.predictions, name),
        "misclassified": plots.misclassified(images, found.mistakes(), name),
        "receptive_field_growth": plots.receptive_field_growth(MODEL, images[0], name),
    }


@pytest.fixture(scope="module")
def on_mnist(digits):
    return of_a_set(digits, "MNIST")


@pytest.fixture(scope="module")
def pictures(on_mnist):
    bump = plots.learning_rate({"flat": [0.1] * 4, "bump": [0.1, 0.3, 0.2, 0.01]}, epochs=2)
    return on_mnist | {"network": plots.network(MODEL), "learning_rate": bump}


def test_every_picture_keeps_within_its_figure_and_none_stays_open(pictures):
    for name, figure in pictures.items():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        drawn = figure.get_tightbbox(canvas.get_renderer())
        width, height = figure.get_size_inches()
        assert drawn.x0 >= -0.02 and drawn.y0 >= -0.02, f"{name}: {drawn}"
        assert drawn.x1 <= width + 0.02 and drawn.y1 <= height + 0.02, f"{name}: {drawn}"
    assert plt.get_fignums() == []


def test_a_network_that_ends_in_a_linear_layer_is_named_as_it_is():
    layers = (nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 13 * 13, 10))
    (axes,) = plots.network(nn.Sequential(*layers)).axes
    words = [text.get_text().partition("\n")[0] for text in axes.texts[1::3]]
    assert words == ["input", "conv", "max pool", "linear"]


def test_curves_name_the_images_that_judged():
    figure = plots.curves(history(), "MNIST validation", "validation")
    title = figure.get_suptitle()
    assert title.startswith("Validation accuracy ends at 99.00 %, validation 1.00 above train")
    for axes in figure.axes:
        words = [text.get_text() for text in axes.get_legend().get_texts()]
        assert words == ["train", "validation"]


def test_a_title_names_the_set_where_it_is_not_mnist(on_mnist, digits):
    another = of_a_set(digits, "MNIST-5k")
    assert all(figure.get_suptitle().endswith("[MNIST-5k]") for figure in another.values())
    assert not any("[" in figure.get_suptitle() for figure in on_mnist.values())


def test_a_long_title_wraps_within_the_figure():
    figure, _ = plot_style.figure()
    plot_style.title(figure, "word " * 50)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box = figure._suptitle.get_window_extent(canvas.get_renderer())
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width and box.height > 30


def test_charts_label_their_axes(pictures):
    for name in ("class_spread", "curves", "confusion_matrix", "learning_rate"):
        charts = [axes for axes in pictures[name].axes if axes.get_label() != "<colorbar>"]
        assert all(axes.get_xlabel() and axes.get_ylabel() for axes in charts), name


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("class_spread", "9 is 1.09 times as frequent as 0"),
        ("curves", "ends at 99.00 %, test 1.00 above train"),
        ("confusion_matrix", "7 of 1,000 wrong"),
        ("misclassified", "7 of 1,000 wrong, 0 of them over 90 % sure"),
        ("network", "9,436 parameters; one output sees 28 × 28"),
        ("learning_rate", "bump: 0.1 at first, at most 0.3 after 0.5 epochs, 0.01 at last"),
        ("receptive_field_growth", "From 3 to 28 pixels"),
    ],
)
def test_titles_say_what_was_found(pictures, name, finding):
    assert finding in pictures[name].get_suptitle()


def test_one_digit_is_enough(digits):
    one = digits.test_images[:1]
    figure = plots.before_and_after(one, {"batched": [one]}, "MNIST", "the same")
    assert [axes.get_ylabel() for axes in figure.axes] == ["original", "batched"]
    assert len(plots.receptive_field_growth(torch.nn.Conv2d(1, 1, 3), one[0], "MNIST").axes) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x / 255, r"pixels run from 0 to 1, expected pixels 0..255"),
        (
            lambda x: (x / 255 - 0.13) / 0.31,
            r"pixels run from -0.419355 to 2.80645",
        ),
        (lambda x: x[:, None], r"the image is \[1, 28, 28\], expected \[28, 28\]"),
    ],
)
def test_images_that_would_be_drawn_wrongly_are_refused(digits, spoil, message):
    images, mistakes = spoil(digits.test_images), answers(digits.test_labels).mistakes()
    with pytest.raises(ValueError, match=message):
        plots.misclassified(images, mistakes, "MNIST")
    with pytest.raises(ValueError, match=message):
        plots.before_and_after(images[:2], {}, "MNIST", "")


def test_the_surest_mistakes_come_first_and_marked_ones_have_a_star(digits):
    mistakes = answers(digits.test_labels).mistakes()
    mistakes.probabilities[3] = 0.97
    figure = plots.misclassified(digits.test_images, mistakes, "MNIST", marked={3})
    titles = [axes.get_title() for axes in figure.axes]
    label = int(digits.test_labels[3])
    assert titles[0] == f"{label} → {(label + 1) % 10}  97 % *"
    assert titles[1].endswith("82 %") and titles[7] == ""


def test_confused_pairs_count_both_directions():
    labels = torch.tensor([4, 9, 9, 9, 1, 1, 2])
    predictions = torch.tensor([9, 4, 4, 9, 7, 1, 2])
    assert plots.confused_pairs(labels, predictions).rows == [
        ["(4, 9)", 3, "1 of 4 as 9, 2 of 9 as 4"],
        ["(1, 7)", 1, "1 of 1 as 7, 0 of 7 as 1"],
    ]


def test_a_perfect_answer_can_be_drawn_too(digits):
    labels = digits.test_labels
    assert "0 of 1,000 wrong" in plots.confusion_matrix(labels, labels, "MNIST").get_suptitle()
    perfect = Evaluation(torch.eye(10)[labels], labels, 0.0)
    assert plots.misclassified(digits.test_images, perfect.mistakes(), "MNIST").axes
    assert plots.confused_pairs(labels, labels).rows == []


def test_updates_are_drawn_over_their_number_and_over_the_rate():
    made = [(n, 2.0 / n, 0.01 * n) for n in range(1, 61)]
    figure = plots.updates(made)
    loss, rate = figure.axes
    assert np.allclose(loss.lines[0].get_xydata(), [(n, loss) for n, loss, _ in made])
    mean = loss.lines[1].get_xydata()
    assert mean[0].tolist() == [13, pytest.approx(np.mean([2.0 / n for n in range(1, 26)]))]
    assert rate.lines[0].get_xydata()[-1].tolist() == [60, pytest.approx(0.6)]
    assert "in 60 updates" in figure.get_suptitle()
    (only,) = plots.updates(made[::-1], over="lr").axes
    assert only.get_xscale() == "log" and only.get_xlabel() == "learning rate"
    assert len(plots.updates(made[:3]).axes) == 2, "fewer than the window"
    with pytest.raises(ValueError, match="no update was heard"):
        plots.updates([])


def test_a_title_says_what_is_there():
    assert "Not balanced: 1 is 3.00 times" in plots.class_spread({0: 10, 1: 30}, "").get_suptitle()
    rising = [(n, 0.1 * n, 0.05) for n in range(1, 60)]
    assert plots.updates(rising).get_suptitle().startswith("The mean loss rises from")


@pytest.mark.parametrize("over", ["number", "lr"])
def test_updates_end_where_the_loss_is_no_number(over):
    made = [(1, 2.0, 0.1), (2, 1.0, 0.2), (3, math.nan, 0.3), (4, 1.0, 0.4)]
    figure = plots.updates(made, over=over)
    assert len(figure.axes[0].lines[0].get_xdata()) == 2
    assert figure.get_suptitle().endswith(", then it is no number")
    with pytest.raises(ValueError, match="no number from the first update on"):
        plots.updates(made[2:], over=over)
    with pytest.raises(ValueError, match="no axis is called 'rate'"):
        plots.updates(made, over="rate")
