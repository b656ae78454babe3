"""What our loading is compared with: torchvision's data set and transforms, torch's own layers.

Most texts write it so: ``MNIST`` → ``ToTensor`` → ``Normalize`` in a ``DataLoader``, image by
image, and layers and optimizer with torch's defaults.
"""

from __future__ import annotations

import dataclasses

from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.transforms import InterpolationMode

from utils import layers, schedules
from utils.data import MEAN, STD
from utils.pieces import Pieces


class TorchvisionMNIST(datasets.MNIST):
    """``torchvision.datasets.MNIST`` over images that are in memory already."""

    def __init__(self, images: Tensor, labels: Tensor, transform):
        self.data, self.targets = images, labels
        self.transform, self.target_transform = transform, None


def torchvision_loader(
    images: Tensor, labels: Tensor, *, batch_size: int, augmented: bool = False
) -> DataLoader:
    """Shuffled batches of ``images`` uint8 ``[N, 28, 28]``, one PIL image at a time.

    ``augmented`` adds rotation by up to 6 degrees and, for every second image, a perspective
    distortion of 0.2: the work of the policy ``rotate_perspective``, but weaker, since
    torchvision moves corners by at most 2 pixels.
    """
    chain = [transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))]
    if augmented:
        bilinear = InterpolationMode.BILINEAR
        chain = [
            transforms.RandomRotation(6, interpolation=bilinear, fill=33),
            transforms.RandomPerspective(0.2, p=0.5, interpolation=bilinear),
            *chain,
        ]
    dataset = TorchvisionMNIST(images, labels, transforms.Compose(chain))
    return DataLoader(dataset, batch_size=batch_size, shuffle=True)


def as_torch_makes_it(pieces: Pieces) -> Pieces:
    """``pieces`` with torch's own dropout and SGD step, on the same schedule.

    The model is changed in place. Raises ``ValueError`` for a recipe that needs more than SGD.
    """
    recipe = pieces.recipe
    if recipe.optimizer != "sgd" or recipe.ema:
        raise ValueError(f"{recipe.name} is not trained with plain SGD, as the baseline is")
    for layer in pieces.model.modules():
        if isinstance(layer, layers.Dropout):
            layer.__class__ = nn.Dropout  # ours differs from it in nothing but how it draws
    optimizer = SGD(pieces.model.parameters(), lr=recipe.lr, momentum=recipe.momentum)
    updates = recipe.epochs * len(pieces.train_loader)
    schedule = schedules.build(recipe.schedule, optimizer, updates, recipe.epochs)
    return dataclasses.replace(pieces, optimizer=optimizer, schedule=schedule)
