"""The usual version of this exercise, for comparison: torchvision's data set and transforms.

What most texts write: ``MNIST`` → ``ToTensor`` → ``Normalize`` in a ``DataLoader``, image by image,
and layers and optimizer as torch makes them unasked.
"""

from __future__ import annotations

import copy
import dataclasses

from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.transforms import InterpolationMode

from utils import layers, schedules
from utils.data import MEAN, STD
from utils.pieces import Pieces
from utils.recipes import Recipe
from utils.support import checks


class TorchvisionMNIST(datasets.MNIST):
    """``torchvision.datasets.MNIST`` over images that are in memory already."""

    def __init__(self, images: Tensor, labels: Tensor, transform):
        checks.images(images, labels)
        self.data, self.targets = images, labels
        self.transform, self.target_transform = transform, None


def torchvision_loader(
    images: Tensor, labels: Tensor, *, batch_size: int, augmented: bool = False
) -> DataLoader:
    """Shuffled batches of ``images`` uint8 ``[N, 28, 28]``, one PIL image at a time.

    ``augmented`` adds rotation by up to 6 degrees and, on every second image, a perspective
    distortion of 0.2: the work of ``augmentation.rotate_perspective``. The distortion's strength
    is another, since torchvision moves corners by at most 2 pixels.
    """
    steps = [transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))]
    if augmented:
        bilinear = InterpolationMode.BILINEAR
        steps = [
            transforms.RandomRotation(6, interpolation=bilinear, fill=33),
            transforms.RandomPerspective(0.2, p=0.5, interpolation=bilinear),
            *steps,
        ]
    dataset = TorchvisionMNIST(images, labels, transforms.Compose(steps))
    return DataLoader(dataset, batch_size=batch_size, shuffle=True)


def as_torch_makes_it(setup: Pieces, recipe: Recipe) -> Pieces:
    """``setup`` with torch's own dropout and optimizer step.

    Raises ``ValueError`` for a recipe that needs more than momentum SGD.
    """
    if recipe.optimizer != "sgd" or recipe.ema:
        raise ValueError(f"{recipe.name} is not trained with plain SGD, as the usual version is")
    model = with_own_layers(setup.model)
    optimizer = SGD(model.parameters(), lr=recipe.lr, momentum=recipe.momentum)
    steps = recipe.epochs * len(setup.train_loader)
    scheduler = schedules.build(recipe.schedule, optimizer, steps)
    return dataclasses.replace(setup, model=model, optimizer=optimizer, scheduler=scheduler)


def with_own_layers(model: nn.Module) -> nn.Module:
    """A copy of ``model`` with torch's own dropout."""
    plain = copy.deepcopy(model)
    for name, layer in plain.named_children():
        if isinstance(layer, layers.Dropout):
            setattr(plain, name, nn.Dropout(layer.p))
    return plain
