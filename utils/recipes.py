"""A recipe is all that defines a run except its seed, as data.

``recipe.variant(dropout=0.0)`` derives another one by one change; ``utils.run`` trains it, and
``utils.experiments`` lists those of the course.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass

from torch import nn

from utils import augmentation, levels, models, schedules
from utils.selection import selected
from utils.support import checks
from utils.support.lookup import look_up

OPTIMIZERS = {"sgd": "with momentum", "adam": "with momentum as its first beta"}
ENGINES = {"batched": "on the training device", "albumentations": "image by image, on the CPU"}
# The settings that describe the model ``plain``, and no other.
STAGED = ("stages", "head", "unpadded", "bias", "activation")


@dataclass(frozen=True)
class Recipe:
    """One experiment. ``name`` and ``title`` identify it; every other field decides its numbers.

    ``stages``, ``head``, ``unpadded``, ``bias`` and ``activation`` (by default ``"relu"``)
    describe the model ``plain``, whose layers a line of text lists (``utils.stages``).
    ``channels_last`` is how kernels and maps lie in memory: it changes the seconds, and the
    numbers only by rounding. ``deskew`` sets all images upright, before any augmentation.
    ``engine`` runs the augmentation: ``"batched"`` on the training device, or
    ``"albumentations"`` image by image in torch's own loader. ``schedule`` and ``lr``, the
    highest rate it reaches, are the learning rate over time. ``max_grad_norm`` is gradient
    clipping, ``None`` for none. ``ema`` is the decay of a moving average of the weights, which is
    evaluated in their place; 0 for none. ``selection`` is the share of the images that each epoch
    after the first takes, those of highest loss (``utils.selection``), or as many ``at_random``;
    0 for all. ``standardize`` brings each image to mean 0 and deviation 1 as the network takes it,
    whatever its paper and its contrast. ``whitened`` begins with a first convolution that the
    training images decide (``utils.whitening``). ``levels`` is how many values a weight may take
    (``utils.levels``); 0 for floats. The optimizer updates all weights in one fused operation,
    where the device has one. Raises ``ValueError`` for a setting that cannot be.
    """

    name: str
    title: str
    model: str = "skeleton"
    stages: str = ""
    head: str = ""
    unpadded: bool = False
    bias: bool = False
    activation: str = ""
    channels_last: bool = False
    batch_norm: bool = False
    dropout: float = 0.0
    levels: int = 0
    standardize: bool = False
    whitened: bool = False
    deskew: bool = False
    augmentation: str | None = None
    engine: str = "batched"
    batch_size: int = 128
    epochs: int = 15
    optimizer: str = "sgd"
    lr: float = 0.05
    momentum: float = 0.9
    max_grad_norm: float | None = 1.0
    label_smoothing: float = 0.0
    ema: float = 0.0
    selection: float = 0.0
    at_random: bool = False
    schedule: str = "constant"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w.-]*", self.name):
            raise ValueError(f"name={self.name!r} is not made of letters, digits and _ . - alone")
        for name in [f.name for f in dataclasses.fields(self) if f.type == "bool"]:
            if not isinstance(value := getattr(self, name), bool):
                raise ValueError(f"{name}={value!r} is neither True nor False")
        checks.whole(1, batch_size=self.batch_size, epochs=self.epochs)
        checks.number(0, 1, dropout=self.dropout, momentum=self.momentum, ema=self.ema)
        checks.number(0, 1, label_smoothing=self.label_smoothing, selection=self.selection)
        checks.number(0, open_low=True, lr=self.lr)
        if self.max_grad_norm is not None:
            checks.number(0, open_low=True, max_grad_norm=self.max_grad_norm)
        look_up("model", self.model, models.MODELS)
        look_up("schedule", self.schedule, schedules.SCHEDULES)
        look_up("optimizer", self.optimizer, OPTIMIZERS)
        look_up("engine", self.engine, ENGINES)
        if self.levels:
            levels.check(self.levels)
            if self.whitened:
                raise ValueError("whitened=True sets floats: leave levels at 0")
        if self.whitened and self.standardize:
            raise ValueError("whitened=True is made for normalized images: leave standardize out")
        if self.augmentation is not None:
            look_up("policy", self.augmentation, augmentation.POLICIES)
        if self.augmentation in augmentation.OWN and self.engine != "batched":
            raise ValueError(f"{self.augmentation} runs batched only, not engine={self.engine!r}")
        if self.at_random and not self.selection:
            raise ValueError("at_random=True draws a selection: give its share, selection=0.25")
        if self.selection and self.engine != "batched":
            raise ValueError("selection needs the batched engine: it learns from whole batches")
        if self.selection and self.schedule in schedules.BY_EPOCH:
            raise ValueError(
                f"schedule={self.schedule!r} counts epochs of one length, and a selection makes "
                "the first one longer: use one_cycle, constant or plateau"
            )
        if self.model == "plain":
            from utils import stages  # here: most recipes need none

            stages.check(self.stages, self.head, self.activation or "relu")
        elif described := [name for name in STAGED if getattr(self, name)]:
            raise ValueError(f"{', '.join(described)}: only the model 'plain' has such a setting")

    def settings(self) -> dict:
        """The fields that decide the numbers, as plain data."""
        found = {}
        for field in dataclasses.fields(self)[2:]:
            value = getattr(self, field.name)
            # 1 and 1.0 are one setting: they must not count as two.
            whole = isinstance(value, int) and isinstance(field.default, float)
            found[field.name] = float(value) if whole else value
        return found

    def images_per_epoch(self, n: int) -> list[int]:
        """How many of ``n`` training images each epoch takes."""
        later = selected(self.selection, n) if self.selection else n
        return [n] + [later] * (self.epochs - 1)

    @property
    def passes(self) -> float:
        """How many times its training set a run goes through: 2.5 where later epochs take less."""
        return 1 + (self.epochs - 1) * (self.selection or 1)

    def updates(self, n: int) -> int:
        """The optimizer steps of a run on ``n`` training images."""
        return sum(-(-images // self.batch_size) for images in self.images_per_epoch(n))

    def variant(self, name: str = "", title: str = "", **changes) -> Recipe:
        """This recipe with ``changes`` and nothing else, by default titled by what they are."""
        for setting in changes:
            look_up("setting", setting, self.settings())
        changed = dataclasses.replace(self, **changes)
        words = in_words(difference(self, changed)) or "no change"
        name = name or f"{self.name.removesuffix('_variant')}_variant"
        return dataclasses.replace(changed, name=name, title=title or f"{self.title}, {words}")


def build_model(recipe: Recipe, seed: int = 0) -> nn.Module:
    """The recipe's network, its initial weights drawn from ``seed``, on the CPU.

    Not ``whitened``: that takes training images (``utils.whitening``).
    """
    options = {}
    if recipe.model == "plain":
        options = {name: getattr(recipe, name) for name in STAGED}
        options["activation"] = recipe.activation or "relu"
    model = models.build(
        recipe.model, batch_norm=recipe.batch_norm, dropout=recipe.dropout, seed=seed, **options
    )
    if recipe.levels:
        levels.round_weights(model, recipe.levels)
    if recipe.standardize:
        model.insert(0, nn.InstanceNorm2d(1))  # without weights: nothing is learned
    return model


# --------------------------------------------------------------------------- differences


def difference(before: Recipe, after: Recipe) -> dict[str, tuple]:
    """The settings in which two recipes differ: ``{field: (before, after)}``."""
    old, new = before.settings(), after.settings()
    return {field: (old[field], new[field]) for field in old if old[field] != new[field]}


def formatted(value) -> str:
    """A setting's value as a reader would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, ""):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def in_words(changes: dict[str, tuple]) -> str:
    """``{"lr": (0.05, 0.2)}`` as ``"lr: 0.05 → 0.2"``."""
    return ", ".join(
        f"{name}: {formatted(old)} → {formatted(new)}" for name, (old, new) in changes.items()
    )


# --------------------------------------------------------------------------- identity


def switched_on(settings: dict) -> dict:
    """``settings`` without those that are off (``None``, ``False``, zero, empty).

    A recorded run keeps its recipe when a later version adds a switch and leaves it off.
    """
    return {name: value for name, value in settings.items() if value}


def settings_hash(settings: dict) -> str:
    """Twelve hex digits that change whenever a setting does."""
    text = json.dumps(switched_on(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def recipe_hash(recipe: Recipe) -> str:
    """``settings_hash`` of a recipe's settings: its name has no part in it."""
    return settings_hash(recipe.settings())


def changed_settings(before: dict, after: dict) -> str:
    """The recorded settings that differ, in words; empty where none does."""
    old, new = switched_on(before), switched_on(after)
    changed = {}
    for name in old | new:
        pair = old.get(name), new.get(name)
        if pair[0] != pair[1]:
            is_switch = any(value is True for value in pair)
            changed[name] = tuple(map(bool, pair)) if is_switch else pair
    return in_words(changed)
