"""The augmentation policies of the course, written with albumentations.

A *policy* is an ``albumentations.Compose``, written once. albumentations runs it image by image
in torch's own loader; ``utils.warping`` reads the same object and runs it on whole batches. Two
policies do more to a digit than warp it: they are functions on a batch, see ``utils.spoiling``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from utils.support.lookup import look_up

if TYPE_CHECKING:
    import albumentations as A

    from utils.spoiling import Spoiling


def library():
    """The package albumentations, imported when a policy is built: most uses need none."""
    import albumentations
    import cv2

    cv2.setNumThreads(0)  # its thread pool costs more than a 28 x 28 image takes
    return albumentations


def rotate_perspective() -> A.Compose:
    """Rotation by up to 6 degrees, then, on every second image, a perspective distortion.

    After design B3's text. The corners that rotation uncovers are filled with 33 of 255, the mean
    pixel. Each corner of the distortion moves inward by |N(0, s)| of the side, at most 0.32 (a
    larger draw starts again from 0), with s uniform in 0..0.2. ``fit_output`` keeps the whole
    digit in view, as torchvision's RandomPerspective does; without it albumentations 2.0.8
    enlarges the image and cuts the digit. torchvision's distortion of 0.2 moves a corner by at
    most 2 pixels each way, this one by 2 on average.
    """
    A = library()
    return A.Compose(
        [
            A.Rotate(limit=(-6, 6), fill=33, border_mode=0, p=1.0),  # 0 is cv2.BORDER_CONSTANT
            A.Perspective(scale=(0.0, 0.2), fit_output=True, keep_size=True, p=0.5),
        ]
    )


def affine() -> A.Compose:
    """Rotation by up to 10 degrees, size by up to a tenth, shift by up to 2 pixels each way.

    The course's own: what a pen does to a digit. Shifts are of whole pixels.
    """
    return _affine(degrees=10, scale=0.1, shift=0.1)


def affine_mild() -> A.Compose:
    """``affine``, gentler: 8 degrees, a tenth, 1 pixel. For runs of few epochs."""
    return _affine(degrees=8, scale=0.1, shift=0.06)


def affine_strong() -> A.Compose:
    """``affine``, stronger: 15 degrees, 15 %, 2 pixels. For long runs of networks that fit."""
    return _affine(degrees=15, scale=0.15, shift=0.1)


def _affine(degrees: float, scale: float, shift: float) -> A.Compose:
    """Up to ``degrees`` either way, and up to a share ``scale`` and ``shift`` of the side."""
    A = library()
    transform = A.Affine(
        rotate=(-degrees, degrees),
        scale=(1 - scale, 1 + scale),
        keep_ratio=True,
        translate_percent=(-shift, shift),
        p=1.0,
    )
    return A.Compose([transform])


def robust() -> Spoiling:
    """Digits turned, scaled and moved; each other change on three in ten. For notebook 08."""
    return _spoiling(0.3)


def robust_mild() -> Spoiling:
    """``robust``, with half as much of the other changes: nearly half the digits have none."""
    return _spoiling(0.15)


def robust_light() -> Spoiling:
    """``affine_strong``'s moves, and a fifth of ``robust``'s changes: most digits have none."""
    return _spoiling(0.06, scale=0.15, shift=2)


def _spoiling(share: float, **moves: float) -> Spoiling:
    from utils.spoiling import Spoiling  # here: most policies need none

    return Spoiling(share, **moves)


OWN = {p.__name__: p for p in (robust, robust_mild, robust_light)}  # of tensor operations alone
OF_ALBUMENTATIONS = (rotate_perspective, affine, affine_mild, affine_strong)
POLICIES = {policy.__name__: policy for policy in OF_ALBUMENTATIONS} | OWN


def build(name: str) -> A.Compose | Spoiling:
    """The policy called ``name``; ``ValueError`` for an unknown name."""
    return look_up("policy", name, POLICIES)()
