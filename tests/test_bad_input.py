"""Every function a reader calls, called wrongly: one clear error, at the call."""

import albumentations as A
import pytest
import torch
from torch import nn

from utils import (
    augmentation,
    data,
    loaders,
    models,
    plots,
    receptive_field,
    schedules,
    warping,
)
from utils.history import History, Mistakes

IMAGES = torch.zeros(4, 28, 28, dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 2, 3])
MODEL = models.build("skeleton", batch_norm=False, dropout=0.0, seed=0)
SGD = torch.optim.SGD(MODEL.parameters(), lr=0.1)


def image_set(**changes) -> data.ImageSet:
    halves = {"train_images": IMAGES, "train_labels": LABELS}
    halves |= {"test_images": IMAGES, "test_labels": LABELS}
    return data.ImageSet(name="a set", md5="", **halves | changes)


def memory(images=IMAGES, labels=LABELS, **options):
    return loaders.MemoryLoader(images, labels, **{"batch_size": 2} | options)


def stock(images=IMAGES, labels=LABELS, **options):
    return loaders.stock_loader(images, labels, **{"batch_size": 2} | options)


def mistakes(index: int) -> Mistakes:
    one, p = torch.tensor([index]), torch.tensor([0.5])
    return Mistakes(one, torch.tensor([1]), torch.tensor([2]), p, p)


BATCHED = warping.BatchedPolicy(augmentation.build("rotate_perspective"))
GENERATOR = torch.Generator()

WRONG_IMAGES = [
    (IMAGES.float(), LABELS, r"images are float32 \[4, 28, 28\], expected uint8 \[N, 28, 28\]"),
    (IMAGES[:, :, :27], LABELS, r"images are uint8 \[4, 28, 27\]"),
    (IMAGES[0], LABELS, r"images are uint8 \[28, 28\]"),
    (IMAGES.numpy(), LABELS, "images: a ndarray, expected a torch.Tensor"),
    (IMAGES[:0], LABELS[:0], "there are no images"),
    (IMAGES, LABELS[:3], r"labels are int64 \[3\], expected int64 \[4\]"),
    (IMAGES, LABELS.float(), r"labels are float32 \[4\], expected int64 \[4\]"),
    (IMAGES, LABELS + 7, "labels run from 7 to 10, expected 0..9"),
    (IMAGES, LABELS - 1, "labels run from -1 to 2, expected 0..9"),
    (IMAGES, LABELS.tolist(), "labels: a list, expected a torch.Tensor"),
]


@pytest.mark.parametrize(("images", "labels", "message"), WRONG_IMAGES)
@pytest.mark.parametrize(
    "make",
    [
        memory,
        stock,
        lambda images, labels: image_set(train_images=images, train_labels=labels),
        lambda images, labels: image_set(test_images=images, test_labels=labels),
        lambda images, labels: plots.sample_grid(images, labels, "MNIST"),
    ],
    ids=["memory", "stock", "train half", "test half", "sample_grid"],
)
def test_images_and_labels_that_are_no_labelled_set(make, images, labels, message):
    with pytest.raises(ValueError, match=message):
        make(images, labels)


X = torch.zeros(2, 1, 28, 28)
WRONG_CALLS = {
    # loaders
    "batch size 0": (lambda: memory(batch_size=0), "batch_size=0 is not a whole number of"),
    "batch size half": (lambda: stock(batch_size=2.5), "batch_size=2.5 is not a whole number"),
    "batch size yes": (lambda: memory(batch_size=True), "batch_size=True is not a whole number"),
    "workers": (lambda: stock(workers=-1), "workers=-1 is not a whole number of at least 0"),
    "seed": (lambda: memory(seed=-1), "seed=-1 is not a whole number of at least 0"),
    "transform": (lambda: stock(transform=abs), "abs>? is not an albumentations transform"),
    "normalize": (lambda: loaders.normalize(IMAGES[0]), r"uint8 \[28, 28\], expected uint8 or"),
    # data
    "source": (lambda: data.load("cifar"), "source='cifar' is not one of auto, mnist, mnist-5k"),
    "class counts": (lambda: data.class_counts(LABELS + 8), "labels run from 8 to 11"),
    "no labels": (lambda: data.class_counts(LABELS[:0]), "there are no labels"),
    "subset": (lambda: image_set().subset(5, 1), r"size=5 is not within 1\.\.4"),
    "no subset": (lambda: image_set().subset(2, 0), r"size=0 is not within 1\.\.4"),
    "split": (lambda: data.validation_split(image_set(), 0.5), r"size=0.5 is not within 1\.\.4"),
    # augmentation
    "policy": (lambda: augmentation.build("rotate_perspectiv"), "did you mean 'rotate_persp"),
    "at times": (lambda: warping.BatchedPolicy(A.Compose([], p=0.5)), "p=0.5 cannot run batched"),
    "compose": (lambda: warping.BatchedPolicy(A.Rotate()), "a Rotate, expected an A.Compose"),
    "fill": (
        lambda: warping.BatchedPolicy(A.Compose([A.Rotate(fill=(1, 2, 3), border_mode=0, p=1.0)])),
        "not one number, the grey to fill with",
    ),
    "doubles": (lambda: BATCHED(IMAGES.double(), GENERATOR), "expected float32"),
    "uint8": (lambda: BATCHED(IMAGES, GENERATOR), r"images are torch.uint8 \[4, 28, 28\]"),
    "channel": (lambda: BATCHED(X, GENERATOR), r"expected float32 \[B, 28, 28\]"),
    # models
    "model": (
        lambda: models.build("skelton", batch_norm=False, dropout=0.0, seed=0),
        "no model is called 'skelton'; did you mean 'skeleton'",
    ),
    "larger image": (lambda: MODEL(torch.zeros(1, 1, 32, 32)), r"not float32 \[1, 1, 32, 32\]"),
    "no channel": (lambda: MODEL(torch.zeros(1, 28, 28)), "loaders.normalize makes it"),
    "options": (
        lambda: models.build("skeleton", batch_norm=True, dropout=0.0, seed=0, stages="4"),
        "stages: only the model 'plain' takes options, not 'skeleton'",
    ),
    "batch norm": (
        lambda: models.build("skeleton", batch_norm="no", dropout=0.0, seed=0),
        "batch_norm='no' is neither True nor False",
    ),
    "huge": (
        lambda: models.build("plain", batch_norm=True, dropout=0.0, seed=0, stages="1000000"),
        r"in '1000000' channels are not within 1\.\.512",
    ),
    "bytes": (lambda: MODEL(IMAGES.unsqueeze(1)), r"not uint8 \[4, 1, 28, 28\]"),
    # schedules
    "schedule": (lambda: schedules.build("cosine", SGD, 9, 1), "no schedule is called 'cosine'"),
    "updates": (lambda: schedules.build("constant", SGD, 0, 1), "updates=0 is not a whole number"),
    "rate": (lambda: schedules.rates("constant", -1.0, 1, 1), "lr=-1.0 is not within 0 < lr"),
    "epochs": (lambda: schedules.rates("constant", 0.1, 0, 1), "epochs=0 is not a whole number"),
    # receptive field
    "not square": (
        lambda: receptive_field.rows(nn.Conv2d(1, 1, (3, 5))),
        r"\(3, 5\) is not a size in pixels, the same both ways",
    ),
    "same": (lambda: receptive_field.rows(nn.Conv2d(1, 1, 3, padding="same")), "'same' is not a"),
    "dilated": (lambda: receptive_field.rows(nn.Conv2d(1, 1, 3, dilation=2)), "is dilated"),
    "no layer": (lambda: receptive_field.final(nn.Flatten()), "Flatten has no convolution"),
    "two by two": (lambda: receptive_field.rows(nn.AdaptiveAvgPool2d(2)), "size 2 is not 1"),
    "side rounded up": (
        lambda: receptive_field.rows(nn.MaxPool2d(3, ceil_mode=True)),
        "rounds its map's side up",
    ),
    "other maps": (lambda: receptive_field.final(nn.Linear(2, 2)), "not take 1 whole maps of 28"),
    "too small": (lambda: receptive_field.rows(nn.Conv2d(1, 1, 5), side=4), "does not fit a map"),
    "transposed": (
        lambda: receptive_field.rows(
            nn.Sequential(nn.Conv2d(1, 1, 3), nn.ConvTranspose2d(1, 1, 3))
        ),
        "ConvTranspose2d is no layer that the table knows",
    ),
    # plots
    "counts": (lambda: plots.class_spread({}, "MNIST"), "there are no counts"),
    "augmented": (
        lambda: plots.before_and_after(IMAGES, {"batched": [IMAGES[:2]]}, "MNIST", ""),
        "batched: 2 images beside 4 originals",
    ),
    "no plan": (lambda: plots.learning_rate({}, 3), "a plan has no rate"),
    "empty plan": (lambda: plots.learning_rate({"constant": []}, 3), "a plan has no rate"),
    "no curve": (lambda: plots.curves(History(), "MNIST"), "the history is empty"),
    "confusion": (
        lambda: plots.confusion_matrix(LABELS, LABELS[:2], "MNIST"),
        r"predictions are int64 \[2\], expected int64 \[4\]",
    ),
    "predictions": (
        lambda: plots.confusion_matrix(LABELS, LABELS + 8, "MNIST"),
        "predictions run from 8 to 11",
    ),
    "no pairs": (lambda: plots.confused_pairs(LABELS, LABELS, top=0), "top=0 is not a whole"),
    "mistakes": (
        lambda: plots.misclassified(IMAGES, mistakes(9), "MNIST"),
        "a mistake stands at 9, there are 4 images",
    ),
    "digit": (
        lambda: plots.receptive_field_growth(MODEL, IMAGES, "MNIST"),
        r"the image is \[4, 28, 28\], expected \[28, 28\]",
    ),
}


@pytest.mark.parametrize(("call", "message"), WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_says_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
