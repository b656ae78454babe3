"""What a recipe and a seed make: model, loaders, optimizer, schedule, ready to train."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from utils import augmentation, data, schedules, training
from utils.history import Evaluation, History
from utils.loaders import MemoryLoader, OwnPolicy, stock_loader
from utils.recipes import Recipe, build_model
from utils.schedules import Schedule
from utils.selection import SelectingLoader
from utils.support.seeds import seeded, spawned

EVALUATION_BATCH = 1000
IN_THE_NETWORK = ("standardize", "levels", "whitened")  # settings that a recipe builds into it


@dataclass
class Pieces:
    """What a recipe and a seed make: everything that ``training.fit`` needs, and the call itself.

    ``seed`` is that of the global random streams while it trains (dropout draws from them),
    ``judge`` what the log calls the images that it is judged on.
    """

    recipe: Recipe
    model: nn.Module
    train_loader: object
    test_loader: object
    optimizer: Optimizer
    schedule: Schedule
    average: AveragedModel | None
    device: torch.device
    seed: int
    judge: str

    @property
    def network(self) -> nn.Module:
        """What is evaluated: the model, or the average of its weights."""
        return self.model if self.average is None else self.average.module

    def fit(self, verbose: bool = True, on_update=None, after_epoch=None) -> History:
        """Train in place (see ``training.fit``); global random streams stay as they were."""
        with seeded(self.seed):
            return training.fit(
                self.model,
                self.train_loader,
                self.test_loader,
                optimizer=self.optimizer,
                epochs=self.recipe.epochs,
                schedule=self.schedule,
                max_grad_norm=self.recipe.max_grad_norm,
                label_smoothing=self.recipe.label_smoothing,
                average=self.average,
                learn=getattr(self.train_loader, "learn", None),
                device=self.device,
                verbose=verbose,
                judge=self.judge,
                on_update=on_update,
                after_epoch=after_epoch,
            )

    def fit_whole(self, verbose: bool = False, after_epoch=None) -> History:
        """``fit`` for whoever has no use for a part: an interrupt is a ``KeyboardInterrupt``."""
        history = self.fit(verbose, after_epoch=after_epoch)
        if len(history) < self.recipe.epochs:
            raise KeyboardInterrupt
        return history

    def evaluate(self) -> Evaluation:
        return training.evaluate(self.network, self.test_loader, self.device)


def prepare(
    recipe: Recipe,
    images: data.ImageSet,
    seed: int,
    device: torch.device | str | None = None,
    *,
    model: nn.Module | Callable | None = None,
    policy: Callable | None = None,
    schedule: Callable | None = None,
    optimizer: Callable | None = None,
) -> Pieces:
    """Make every piece of a run, all that is random drawn from ``seed``; yours as in ``Run``."""
    images = preprocessed(recipe, images)
    device = torch.device(device or training.default_device())
    weights_seed, stream_seed, loader_seed = spawned(seed, 3)
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    model = _make_model(recipe, model, weights_seed, images)
    model = model.to(device, memory_format=layout)
    optimizer = _make_optimizer(recipe, optimizer, model.parameters(), device)
    loaders = build_loaders(recipe, images, loader_seed, device, policy)
    updates = recipe.updates(len(images.train_images))
    if schedule is not None:
        schedule = schedule(optimizer, updates)
        _check_made("schedule", schedule, Schedule)
    else:
        schedule = schedules.build(recipe.schedule, optimizer, updates, recipe.epochs)
    average = None
    if recipe.ema:
        keep = get_ema_multi_avg_fn(recipe.ema)
        average = AveragedModel(model, multi_avg_fn=keep, use_buffers=True)
    made = (recipe, model, *loaders, optimizer, schedule, average, device, stream_seed)
    return Pieces(*made, images.judge)


def _make_model(
    recipe: Recipe, own: nn.Module | Callable | None, seed: int, images: data.ImageSet
) -> nn.Module:
    if own is None:
        model = build_model(recipe, seed)
        if recipe.whitened:
            from utils.whitening import whiten

            whiten(model, images.train_images)
        return model
    if lost := {name: value for name in IN_THE_NETWORK if (value := getattr(recipe, name))}:
        off = ", ".join(f"{name}={type(value)()}" for name, value in lost.items())
        raise ValueError(
            f"model= takes the place of the recipe's network, and {', '.join(lost)} would be lost "
            f"with it: build it into yours, and hand over recipe.variant({off})"
        )
    if isinstance(own, nn.Module):
        return copy.deepcopy(own)  # so that every fit starts from its weights
    with seeded(seed):
        made = own()
        _check_made("model", made, nn.Module)
        if {*map(id, made.parameters())} & {*map(id, own().parameters())}:
            raise ValueError(
                "model= gives the same weights at every call, so a run would go on from the one "
                "before: hand over the network itself, or a function that makes a new one"
            )
    return made


def _make_optimizer(recipe: Recipe, own: Callable | None, parameters, device) -> Optimizer:
    if own is not None:
        made = own(parameters)
        _check_made("optimizer", made, Optimizer)
        return made
    fused = {"fused": True} if device.type in ("cpu", "cuda") else {}
    if recipe.optimizer == "sgd":
        return SGD(parameters, recipe.lr, momentum=recipe.momentum, **fused)
    return Adam(parameters, recipe.lr, betas=(recipe.momentum, 0.999), **fused)


def _check_made(name: str, made, kind) -> None:
    if not isinstance(made, kind):
        raise ValueError(f"{name}= makes a {type(made).__name__}, expected a {kind.__name__}")


def preprocessed(recipe: Recipe, images: data.ImageSet) -> data.ImageSet:
    """``images`` as the recipe's network sees them, before any augmentation."""
    if not recipe.deskew or images.deskewed:
        return images
    from utils.deskewing import deskewed

    return deskewed(images)


def build_loaders(
    recipe: Recipe,
    images: data.ImageSet,
    seed: int,
    device: torch.device | str = "cpu",
    policy: Callable | None = None,
) -> tuple:
    """The training and the test loader of a run: ``(train_loader, test_loader)``.

    ``policy`` takes the place of the recipe's augmentation. An albumentations policy that the
    batched engine cannot run is run image by image.
    """
    if policy is None and recipe.augmentation:
        policy = augmentation.build(recipe.augmentation)
    train = (images.train_images, images.train_labels)
    shared = {"batch_size": recipe.batch_size, "seed": seed}
    augment = _for_batches(policy, recipe.engine)
    if augment is None and (policy is not None or recipe.engine == "albumentations"):
        if recipe.selection:
            raise ValueError("selection needs whole batches: this policy runs image by image")
        train_loader = stock_loader(*train, transform=policy, shuffle=True, **shared)
    else:
        shared |= {"augment": augment, "device": device}
        if recipe.selection:
            chosen = {"share": recipe.selection, "at_random": recipe.at_random}
            train_loader = SelectingLoader(*train, **shared, **chosen)
        else:
            train_loader = MemoryLoader(*train, shuffle=True, **shared)
    test = (images.test_images, images.test_labels)
    return train_loader, MemoryLoader(*test, batch_size=EVALUATION_BATCH, device=device)


def _for_batches(policy: Callable | None, engine: str) -> Callable | None:
    """``policy`` for whole batches; ``None`` where there is none, or it runs image by image."""
    if policy is None:
        return None
    if type(policy).__module__.startswith("torchvision."):
        raise ValueError(
            "torchvision's transforms read a batch [B, 28, 28] as one image, and change all of it "
            "alike: hand over a function that calls yours for each, "
            "policy=lambda x: torch.stack([yours(image[None])[0] for image in x])"
        )
    if not hasattr(policy, "set_random_state"):  # a function, not of albumentations
        return OwnPolicy(policy)
    if engine != "batched":
        return None
    from utils.warping import BatchedPolicy

    try:
        return BatchedPolicy(policy)
    except ValueError as error:
        print(f"This policy runs image by image, which is slower: {error}")
        return None
