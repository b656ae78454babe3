"""A run: a recipe, images and a seed. ``Run(recipe, digits, seed=0).fit()`` trains it.

Any piece can be yours: ``Run(recipe, digits, model=my_network)``, and so ``policy``, ``schedule``
and ``optimizer``. ``compare`` says whether a change is an improvement, on a validation split.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping
from statistics import mean, stdev

import torch
from torch import nn

from utils import data, smoke
from utils.history import Evaluation, History
from utils.pieces import Pieces, prepare, preprocessed
from utils.recipes import STAGED, Recipe, difference
from utils.support import checks
from utils.support.tables import Table
from utils.training import TrainingDiverged, Update


def _piece(name: str) -> property:
    def refuse(run: Run, value) -> None:
        raise AttributeError(
            f"run.{name} is made anew by every fit, so it cannot be set: where Run takes one, hand "
            f"yours over as Run(recipe, images, {name}=...)"
        )

    return property(lambda run: getattr(run.pieces, name), refuse)


class Run:
    """One recipe on ``images`` with one ``seed``; every ``fit`` starts from the seed.

    Yours in the place of the recipe's: ``model``, an ``nn.Module`` (copied, so that every fit
    starts from its weights) or a function that makes one, float ``[B, 1, 28, 28]`` to logits
    ``[B, 10]``; ``policy``, from albumentations or a function from uint8 pixels ``[B, 28, 28]`` to
    as many, uint8 or float 0..255, where they are (on the training device); ``schedule``, a
    function of the optimizer and the number of updates that returns a
    ``torch.optim.lr_scheduler``, which advances after every update (``ReduceLROnPlateau``: after
    every epoch, with its training loss); ``optimizer``, a function of the parameters. A wrong one
    is a ``ValueError``, here or in the first batch.

    ``run.network`` is what is judged: ``run.model``, or the average of its weights. Before you use
    it yourself, call its ``eval()``: training leaves it as it trains.

    With ``NOTEBOOK_SIZE=smoke`` in the environment, as under pytest, a run is cut to seconds.
    """

    model, network = _piece("model"), _piece("network")
    train_loader, test_loader = _piece("train_loader"), _piece("test_loader")
    optimizer, schedule = _piece("optimizer"), _piece("schedule")

    def __init__(
        self,
        recipe: Recipe,
        images: data.ImageSet,
        seed: int = 0,
        *,
        model: nn.Module | Callable | None = None,
        policy: Callable | None = None,
        schedule: Callable | None = None,
        optimizer: Callable | None = None,
        device: torch.device | str | None = None,
    ):
        _check_kinds(images, recipe)
        own = {"model": model, "policy": policy, "schedule": schedule, "optimizer": optimizer}
        for name, piece in own.items():
            if piece is not None and not callable(piece):
                kind = type(piece).__name__
                raise ValueError(f"{name}= is a {kind}, expected {_EXPECTED[name]}")
        self._asked, self._own = recipe, own
        if smoke.is_on():
            recipe, images = smoke.smaller(recipe), smoke.fewer(images)
        self.recipe, self.images, self.seed = recipe, images, seed
        self.history = History()
        self._shown = preprocessed(recipe, images)
        self._device = device
        self.pieces = self._prepare()

    def _prepare(self) -> Pieces:
        return prepare(self.recipe, self._shown, self.seed, self._device, **self._own)

    @property
    def title(self) -> str:
        """The recipe's, and which pieces are your own."""
        return _titled(self.recipe, self._own)

    def __repr__(self) -> str:
        return (
            f"{self.title} on {self.images.name}: {len(self.images.train_images):,} images "
            f"to train, {len(self.images.test_images):,} to test, batches of "
            f"{self.recipe.batch_size}, {self.recipe.epochs} epochs, seed {self.seed}, on "
            f"{self.pieces.device.type}"
        )

    def fit(
        self,
        verbose: bool = True,
        on_update: Callable[[Update], None] | None = None,
        after_epoch: Callable[[History], None] | None = None,
    ) -> History:
        """Train from the seed and return the ``History``: twice gives the same numbers twice.

        On a GPU they may differ by rounding, where its libraries add in another order.
        ``on_update`` is handed each ``Update``, ``after_epoch`` the history so far. After an
        interrupt the history has the finished epochs, and the network is as the interrupt left it.
        Raises ``ValueError`` for a piece or a batch of the wrong kind, ``TrainingDiverged`` where a
        loss is not a number.
        """
        self.history, self.pieces = History(), self._prepare()
        try:
            self.history = self.pieces.fit(verbose, on_update, after_epoch)
        except TrainingDiverged as error:
            self.history = error.history
            raise
        return self.history

    def evaluate(self) -> Evaluation:
        """The network's answers on the test half of the images, as it is now."""
        return self.pieces.evaluate()

    def beside_recorded(self) -> Table:
        """This run beside the recorded seeds of its recipe and the published figure.

        Columns that have nothing to show are left out.
        """
        from utils.experiments import recorded

        own = any(piece is not None for piece in self._own.values())
        others = {} if own else recorded.beside(self._asked)
        history, rows = self.history, []
        if len(history):
            judged = self.images.judge.removesuffix(" set").lower()
            rows = [
                ["train accuracy, last epoch", f"{history.train_accuracy[-1]:.2f}"],
                [f"{judged} accuracy, last epoch", f"{history.test_accuracy[-1]:.2f}"],
                [f"{judged} accuracy, best epoch", f"{max(history.test_accuracy):.2f}"],
                ["seconds per epoch", f"{mean(history.seconds):.1f}"],
            ]
        others = {name: c for name, c in others.items() if any(row[0] in c for row in rows)}
        columns = ["", f"this run ({self.images.name})", *others]
        return Table(
            columns, [[*row, *(c.get(row[0], "") for c in others.values())] for row in rows]
        )


def _check_kinds(images: data.ImageSet, *recipes: Recipe) -> None:
    wanted = [*((recipe, Recipe) for recipe in recipes), (images, data.ImageSet)]
    for given, kind in wanted:
        if not isinstance(given, kind):
            raise ValueError(
                f"{type(given).__name__} stands in the place of {kind.__name__}: "
                "Run(recipe, images), compare(recipe, other, images)"
            )


_EXPECTED = {
    "model": "a torch.nn.Module or a function that makes one",
    "policy": "an albumentations policy or a function on pixels [B, 28, 28]",
    "schedule": "a function of the optimizer and the number of updates, such as "
    "lambda optimizer, updates: OneCycleLR(optimizer, 0.2, total_steps=updates)",
    "optimizer": "a function of the parameters, such as lambda p: torch.optim.Adam(p, lr=0.01)",
}


# The settings that are read of the recipe only where there is no such piece of one's own.
_REPLACES = {
    "model": ("model", *STAGED, "batch_norm", "dropout"),
    "policy": ("augmentation",),
    "schedule": ("schedule",),
    "optimizer": ("optimizer", "lr", "momentum"),
}


def compare(
    recipe: Recipe,
    other: Recipe,
    images: data.ImageSet,
    seeds: int = 3,
    *,
    device: torch.device | str | None = None,
    verbose: bool = True,
    **own: Callable,
) -> Table:
    """Train both recipes with ``seeds`` seeds on a validation split; a table of the difference.

    Both are judged by the last epoch on images held out of the training images, so the test set
    plays no part. ``own`` are pieces of yours for the second, as ``Run`` takes them:
    ``compare(recipe, recipe, digits, model=my_network)``; of a network the layers are taken, and
    each seed draws their weights. The last row has the means and the 95 %
    interval of the difference, paired by seed, in points. An interrupt keeps the finished seeds.
    Raises ``ValueError`` where the two differ in nothing, or in a setting that such a piece takes
    the place of.
    """
    _check_kinds(images, recipe, other)
    checks.whole(2, seeds=seeds)
    own = {name: piece for name, piece in own.items() if piece is not None}
    if not own and not difference(recipe, other):
        raise ValueError(
            "the two recipes differ in nothing: change one with recipe.variant(...), or hand over "
            "a piece of yours, compare(recipe, recipe, digits, model=my_network)"
        )
    for piece in own:
        if unread := [s for s in difference(recipe, other) if s in _REPLACES.get(piece, ())]:
            raise ValueError(
                f"your own {piece} takes the place of {', '.join(unread)}, so the second recipe's "
                "would not be read: leave it as the first has it"
            )
    split, titles = data.validation_split(images), [recipe.title, _titled(other, own)]
    if isinstance(network := own.get("model"), nn.Module):
        own["model"] = lambda: _drawn_anew(network)
    pairs: list[tuple[float, float]] = []
    with contextlib.suppress(KeyboardInterrupt):
        for seed in range(seeds):
            first = Run(recipe, split, seed, device=device)
            second = Run(other, split, seed, device=device, **own)
            b = _last_of(second)  # first, so that a mistake in a piece of yours shows at once
            a = _last_of(first)
            pairs.append((a, b))
            if verbose:
                print(f"seed {seed}: {a:.2f} and {b:.2f}, {b - a:+.2f}", flush=True)
    rows = [[seed, f"{a:.2f}", f"{b:.2f}", f"{b - a:+.2f}"] for seed, (a, b) in enumerate(pairs)]
    if len(pairs) > 1:
        means = [f"{mean(side):.2f}" for side in zip(*pairs, strict=True)]
        rows.append(["mean", *means, _interval([b - a for a, b in pairs])])
    return Table(["seed", *titles, "difference in points"], rows)


def _titled(recipe: Recipe, own: Mapping[str, object]) -> str:
    pieces = [name for name, piece in own.items() if piece is not None]
    return recipe.title + (f", own {', '.join(pieces)}" if pieces else "")


def _last_of(run: Run) -> float:
    """The last accuracy of a run, which is not trained yet."""
    try:
        return run.pieces.fit_whole().test_accuracy[-1]
    except TrainingDiverged as error:
        error.add_note(f"This was {run.title}, seed {run.seed}.")
        raise


def _drawn_anew(network: nn.Module) -> nn.Module:
    """The layers of ``network`` with new weights: its own would be one start for all seeds."""
    made = copy.deepcopy(network)
    for layer in made.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    weights = zip(made.named_parameters(), network.parameters(), strict=True)
    for name, kept in ((name, new) for (name, new), old in weights if torch.equal(new, old)):
        if kept.ndim > 1:  # those of a batch norm always begin alike
            raise ValueError(
                f"{name} cannot be drawn anew, so all seeds would share it: hand over a function "
                "that makes the network, model=make"
            )
    return made


def _interval(gaps: list[float]) -> str:
    from scipy import stats  # here: a second that no other call needs

    half = stats.t.ppf(0.975, len(gaps) - 1) * stdev(gaps) / len(gaps) ** 0.5
    return f"{mean(gaps):+.2f} [{mean(gaps) - half:+.2f}, {mean(gaps) + half:+.2f}]"
