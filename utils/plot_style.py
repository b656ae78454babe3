"""How every picture looks: its width, its colours, its axes, its title.

Colours are Okabe and Ito's, which readers with colour-blindness can tell apart; the background
is opaque, for light and dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from utils.support import checks

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#666666"
WIDTH = 9.0  # inches: at 100 dots per inch a README's column
LIGHT_AXES = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
}


def figure(rows: int = 1, columns: int = 1, height: float = 3.6, **options):
    """A figure of the common width and its axes; ``options`` are ``plt.subplots``'."""
    with plt.rc_context(LIGHT_AXES):
        made, axes = plt.subplots(
            rows, columns, figsize=(WIDTH, height), layout="constrained", dpi=100, **options
        )
    made.set_facecolor("white")
    plt.close(made)  # the notebook shows what a cell returns; open figures would show twice
    return made, axes


def title(drawn: Figure, finding: str, name: str = "MNIST") -> Figure:
    """``drawn`` with its finding on top; ``name`` is said where the images are not MNIST's."""
    text = finding if name == "MNIST" else f"{finding} [{name}]"
    drawn.suptitle(text, fontsize=11.5, wrap=True)
    return drawn


def log_loss(axes) -> None:
    """A logarithmic axis for losses, labelled with decimals."""
    axes.set(ylabel="mean cross-entropy per image", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def rates(axes, plans: dict[str, Sequence[float]], epochs: int, styles: Sequence[dict]) -> None:
    """The learning rate of every update over ``epochs``, a line per plan in its style."""
    checks.whole(1, epochs=epochs)
    if not plans or not all(map(len, plans.values())):
        raise ValueError("a plan has no rate: schedules.rates(...) gives one an update")
    for (label, plan), style in zip(plans.items(), styles, strict=True):
        axes.plot(np.arange(len(plan)) * epochs / len(plan), plan, label=label, **style)
    axes.set(xlabel="epochs trained", ylabel="learning rate", ylim=(0, None), xlim=(0, epochs))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=9)
