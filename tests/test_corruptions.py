"""Every corruption against a hand-made case, whose pixels follow by arithmetic."""

import itertools
import math

import numpy as np
import pytest
import torch

from utils import corruption_drawing as drawing
from utils import corruption_streams, corruptions
from utils.corruptions import CORRUPTIONS, SEVERITIES, at_severity, corrupted
from utils.deskewing import deskewed

NAMES = [
    "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate",
    "brightness", "translate", "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges",
]  # fmt: skip
STILL = {"brightness", "stripe", "scale", "canny_edges"}  # nothing in them is random
each = pytest.mark.parametrize("name", NAMES)


def flat(grey, n=100):
    """``n`` images of one grey level."""
    return torch.full((n, 28, 28), grey, dtype=torch.uint8)


def spots(*places, n=100, size=1):
    """``n`` black images with white squares of ``size``, the upper left at row, column."""
    images = flat(0, n)
    for row, column in places:
        images[:, row : row + size, column : column + size] = 255
    return images


def centres(images):
    """The mean row and column of each image's ink, ``[n]`` each."""
    ink = images.double()
    rows, columns = (torch.arange(side).double() for side in images.shape[1:])
    total = ink.sum((1, 2))
    return (ink.sum(2) * rows).sum(1) / total, (ink.sum(1) * columns).sum(1) / total


def streams(n, seed=0):
    return [np.random.default_rng([seed, at]) for at in range(n)]


def share(found, expected, n):
    """Whether a share of ``n`` is the expected one, within four standard deviations."""
    return abs(found - expected) < 4 * math.sqrt(expected * (1 - expected) / n)


def test_they_are_the_fifteen():
    assert list(CORRUPTIONS) == NAMES


@pytest.mark.parametrize("half", [corruptions.CHOOSING, corruptions.REPORTING])
def test_each_half_has_a_corruption_of_each_kind(half):
    kinds = (
        {"shear", "scale", "rotate", "translate"},
        {"shot_noise", "impulse_noise"},
        {"glass_blur", "motion_blur"},
        {"brightness", "fog"},
        {"stripe", "spatter"},
        {"dotted_line", "zigzag"},
    )
    assert all(kind & set(half) for kind in kinds)


def test_what_a_recipe_is_chosen_by_is_not_what_is_reported():
    assert not {*corruptions.CHOOSING} & {*corruptions.REPORTING}
    assert sorted((*corruptions.CHOOSING, *corruptions.REPORTING)) == sorted(NAMES)


# --------------------------------------------------------------------------- what all share


@each
def test_the_same_seed_gives_the_same_pixels_and_another_gives_others(digits, name):
    few = digits.test_images[:20]
    before = few.clone()
    made = CORRUPTIONS[name](few)
    assert made.dtype == torch.uint8 and made.shape == few.shape and torch.equal(few, before)
    assert torch.equal(made, CORRUPTIONS[name](few, seed=0))
    assert torch.equal(made, CORRUPTIONS[name](few, seed=1)) == (name in STILL)
    assert all(not torch.equal(one, image) for one, image in zip(made, few, strict=True))


@each
def test_an_image_does_not_depend_on_those_beside_it(digits, name, monkeypatch):
    few = digits.test_images[:20]
    whole = CORRUPTIONS[name](few, seed=3)
    assert torch.equal(CORRUPTIONS[name](few[5:9], seed=3, first=5), whole[5:9])
    monkeypatch.setattr(corruption_streams, "TOGETHER", 7)
    assert torch.equal(CORRUPTIONS[name](few, seed=3), whole)


def test_every_place_has_a_stream_of_its_own():
    noisy = CORRUPTIONS["impulse_noise"](flat(128, 2100)).flatten(1)
    assert len(noisy.unique(dim=0)) == 2100


@each
def test_a_blank_image_stays_an_image(name):
    assert CORRUPTIONS[name](flat(0, 2)).shape == (2, 28, 28)
    assert CORRUPTIONS[name](flat(255, 2)).dtype == torch.uint8


@each
def test_what_is_no_digit_is_refused(name):
    for wrong in (torch.zeros(2, 28, 28), torch.zeros(2, 20, 20, dtype=torch.uint8), [[0]]):
        with pytest.raises(ValueError, match=r"uint8 \[N, 28, 28\]"):
            CORRUPTIONS[name](wrong)
    with pytest.raises(ValueError, match="N = 0"):
        CORRUPTIONS[name](flat(0, 0))
    with pytest.raises(ValueError, match="seed=-1"):
        CORRUPTIONS[name](flat(0, 1), seed=-1)
    with pytest.raises(ValueError, match=r"first=0\.5"):
        CORRUPTIONS[name](flat(0, 1), first=0.5)


# --------------------------------------------------------------------------- noise and light


def test_shot_noise_counts_three_photons_of_full_ink():
    made = CORRUPTIONS["shot_noise"](flat(255))
    assert set(made.unique().tolist()) == {0, 85, 170, 255}
    for grey, count in ((0, 0), (85, 1), (170, 2)):
        expected = math.exp(-3) * 3**count / math.factorial(count)
        assert share((made == grey).double().mean().item(), expected, made.numel())
    assert CORRUPTIONS["shot_noise"](flat(0)).max() == 0


def test_impulse_noise_changes_17_in_100_pixels_half_to_white():
    made = CORRUPTIONS["impulse_noise"](flat(128))
    for grey, expected in ((128, 0.83), (0, 0.085), (255, 0.085)):
        assert share((made == grey).double().mean().item(), expected, made.numel())
    assert set(made.unique().tolist()) == {0, 128, 255}


def test_brightness_adds_half_of_full_ink():
    images = torch.tensor([0, 100, 127, 200], dtype=torch.uint8).view(4, 1, 1).repeat(1, 28, 28)
    assert CORRUPTIONS["brightness"](images)[:, 3, 9].tolist() == [128, 228, 255, 255]


def test_stripe_inverts_columns_0_to_6_and_21_to_27():
    made = CORRUPTIONS["stripe"](flat(40, 1))[0]
    inverted = [column for column in range(28) if (made[:, column] == 215).all()]
    assert inverted == [*range(7), *range(21, 28)] and (made[:, 7:21] == 40).all()


# --------------------------------------------------------------------------- moved


def test_shear_moves_a_known_spot_aside_either_way():
    """From 9.5 pixels above the centre to 9.5 / cos 0.4 above, and sin 0.4 of that aside."""
    rows, columns = centres(CORRUPTIONS["shear"](spots((3, 13), n=200, size=3)))
    up = 9.5 / math.cos(0.4)
    aside = columns - 14
    torch.testing.assert_close(rows, torch.full_like(rows, 13.5 - up), atol=0.1, rtol=0)
    expected = torch.full_like(aside, math.sin(0.4) * up)
    torch.testing.assert_close(aside.abs(), expected, atol=0.1, rtol=0)
    assert share((aside > 0).double().mean().item(), 0.5, 200)


def test_rotate_turns_a_known_spot_by_a_fixed_angle_either_way():
    rows, columns = centres(CORRUPTIONS["rotate"](spots((3, 12), n=200, size=4)))
    before = math.atan2(13.5 - 4.5, 0)
    angles = torch.atan2(13.5 - rows, columns - 13.5) - before
    torch.testing.assert_close(angles.abs(), torch.full_like(angles, 0.4), atol=0.01, rtol=0)
    assert share((angles > 0).double().mean().item(), 0.5, 200)


def test_scale_brings_a_spot_to_seven_tenths_of_its_distance():
    rows, columns = centres(CORRUPTIONS["scale"](spots((2, 20), n=1, size=4)))
    assert rows.item() == pytest.approx(13.5 - 0.7 * 10, abs=0.1)
    assert columns.item() == pytest.approx(13.5 + 0.7 * 8, abs=0.1)


def test_translate_moves_by_three_whole_pixels_on_both_axes():
    made = CORRUPTIONS["translate"](spots((14, 10), n=400))
    assert (made.sum((1, 2)) == 255).all()
    places = made.nonzero()[:, 1:]
    moves, counts = (places - torch.tensor([14, 10])).unique(dim=0, return_counts=True)
    assert moves.tolist() == [[-3, -3], [-3, 3], [3, -3], [3, 3]]
    assert all(share(count / 400, 0.25, 400) for count in counts.tolist())


# --------------------------------------------------------------------------- blurs


def test_glass_blur_swaps_every_second_pixel_in_turn(digits):
    """The same, a pixel at a time, for images whose blurs are left out of both."""
    few = digits.test_images[:3]

    def blurred(image):
        weights = np.exp(-(np.arange(-3, 4) ** 2) / (2 * 0.7**2))
        padded = np.pad(image, ((3, 3), (0, 0)), mode="edge")
        rows = [weights @ padded[row : row + 7] / weights.sum() for row in range(28)]
        return np.stack(rows)

    for image, made, stream in zip(few, CORRUPTIONS["glass_blur"](few), streams(3), strict=True):
        pixels = np.floor(blurred(image.double().numpy() + 1e-4))
        draws = stream.integers(8, size=(2, 26, 26), dtype=np.uint8)
        for turn in range(2):
            for row in range(27, 1, -1):
                for column in range(27, 1, -1):
                    draw = int(draws[turn, 27 - row, 27 - column])
                    if draw & 4:
                        other = row - (draw >> 1 & 1), column - (draw & 1)
                        here = pixels[row, column]
                        pixels[row, column], pixels[other] = pixels[other], here
        gaps = np.abs(blurred(pixels) - made.double().numpy())
        assert gaps.max() < 2 and gaps.mean() < 0.6


def test_motion_blur_leaves_half_a_gaussian_to_the_left_of_a_spot():
    made = CORRUPTIONS["motion_blur"](spots((14, 22), n=50))
    weights = [math.exp(-(i**2) / 18) for i in range(21)]
    assert (made[:, 14, 22] == round(255 / sum(weights))).all()
    rows, columns = centres(made)
    mean = sum(i * weight for i, weight in enumerate(weights)) / sum(weights)
    angles = np.deg2rad([stream.uniform(-45, 45) for stream in streams(50)])
    np.testing.assert_allclose(columns, 22 - mean * np.cos(angles), atol=0.25)
    np.testing.assert_allclose(rows, 14 - mean * np.sin(angles), atol=0.25)
    assert np.rad2deg(angles).min() < -35 and np.rad2deg(angles).max() > 35


# --------------------------------------------------------------------------- drawn over


def test_fog_is_three_parts_cloud_to_one_of_ink():
    clouds = CORRUPTIONS["fog"](flat(255)).double() / 255
    expected = torch.from_numpy((1 + 3 * drawing._clouds(streams(100))) / 4).double()
    torch.testing.assert_close(clouds, expected, atol=0.0021, rtol=0)
    image = spots((5, 5), (20, 12), size=6)
    made = CORRUPTIONS["fog"](image).double() / 255
    expected = clouds - (1 - image.double() / 255) / 4
    torch.testing.assert_close(made, expected, atol=0.0041, rtol=0)
    assert CORRUPTIONS["fog"](flat(0)).max() == 0  # as bright as its brightest pixel


def test_the_corner_of_a_cloud_is_like_that_of_the_whole_map():
    """Only the corner is made in full; the whole map by the same steps has the same spread."""
    rng, n = np.random.default_rng(1), 150
    heights = np.zeros((n, 1, 1), np.float32)
    for level in range(8):
        noise = rng.uniform(-1, 1, (n, 3 * 4**level)).astype(np.float32)
        heights = drawing._finer(heights, (100 / 1.4**level) ** 2 * noise)
    low, high = heights.min((1, 2), keepdims=True), heights.max((1, 2), keepdims=True)
    whole = ((heights - low) / (high - low))[:, :28, :28]
    corner = drawing._clouds(streams(n))
    assert corner.min() >= 0 and corner.max() <= 1
    assert corner.mean() == pytest.approx(whole.mean(), abs=0.06)
    for measure in (lambda m: m.std((1, 2)), lambda m: np.abs(np.diff(m)).mean((1, 2))):
        assert measure(corner).mean() == pytest.approx(measure(whole).mean(), rel=0.08)


def test_a_finer_map_has_the_mean_of_four_in_each_middle():
    heights = np.array([[[4, 8], [12, 0]]], np.float32)
    made = drawing._finer(heights, np.zeros((1, 12), np.float32))[0]
    assert made[::2, ::2].tolist() == heights[0].tolist() and (made[1::2, 1::2] == 6).all()
    assert made[0, 1] == (4 + 8 + 6 + 6) / 4 and made[1, 0] == (4 + 12 + 6 + 6) / 4
    moved = drawing._finer(heights, np.repeat(np.float32([[1, 2, 3]]), 4, 1))[0]
    assert moved[1, 1] == 7 and moved[0, 1] == (4 + 8 + 7 + 7) / 4 + 2
    assert moved[1, 0] == (4 + 12 + 7 + 7) / 4 + 3


def test_spatter_is_grey_where_blurred_noise_is_high_and_hides_what_is_under_it():
    def blur(sigma):
        """A matrix that blurs columns; beyond the edge, the edge goes on."""
        made, reach = np.zeros((28, 28)), int(4 * sigma + 0.5)
        for away in range(-reach, reach + 1):
            rows = np.clip(np.arange(28) + away, 0, 27)
            np.add.at(made, (np.arange(28), rows), math.exp(-(away**2) / (2 * sigma**2)))
        return made / made.sum(1, keepdims=True)

    one, wide = blur(1), blur(1.5)
    noise = np.stack([stream.normal(0.65, 0.3, (28, 28)) for stream in streams(100)])
    cover = wide @ (one @ noise @ one.T > 0.65) @ wide.T
    cover[cover < 0.8] = 0
    for grey in (0, 100, 255):
        made = CORRUPTIONS["spatter"](flat(grey)).double().numpy()
        gaps = np.abs(made - (grey * (1 - cover) + 63 * cover))
        assert (gaps > 1).mean() < 0.001  # a pixel at a threshold may fall on either side
    assert 0.12 < (cover > 0).mean() < 0.22


def test_a_dotted_line_is_on_for_two_columns_and_off_for_two():
    made = CORRUPTIONS["dotted_line"](flat(0)).double()
    on = [column for column in range(28) if column // 2 % 2 and column < 27]
    assert made[:, :, [c for c in range(28) if c not in on]].max() == 0
    ends = np.stack([stream.integers(27, size=2) for stream in streams(100)])
    for image, (start, end) in zip(made.numpy(), ends, strict=True):
        line = start + (end - start) / 27 * np.arange(28)
        for column in on:
            away = np.abs(np.arange(28) - line[column])
            ink = np.clip(1 + np.log(np.maximum(1 - away / 2.3, 1e-9)), 0, 1)
            np.testing.assert_allclose(image[:, column], 255 * ink, atol=1)
    assert ends.min() == 0 and ends.max() == 26


def test_a_zigzag_peaks_two_pixels_up_and_down_every_four_columns():
    made = CORRUPTIONS["zigzag"](flat(0, 300))
    assert made[:, :, :2].max() == 0 and made[:, :, 26:].max() == 0
    level = 0
    for image, stream in zip(made, streams(300), strict=True):
        start, rise = stream.integers(27), stream.integers(-5, 5)
        assert -5 <= rise <= 4
        if rise == 0 and 3 <= start <= 24:
            level += 1
            for number, column in enumerate(range(4, 25, 4)):
                assert image[start + 2 * (-1) ** number, column] == 255
                assert image[start - 2 * (-1) ** number, column] == 0
            assert image[start, 2] == 255 and image[:, 24].max() == 255
    assert level > 15


def test_a_zigzag_is_turned_to_where_it_ends():
    """Every pixel, from complex numbers: 7 pieces from 8 corners, turned by ``rise`` in 23."""
    for image, stream in zip(CORRUPTIONS["zigzag"](flat(0, 40)), streams(40), strict=True):
        start, rise = stream.integers(27), stream.integers(-5, 5)
        along = complex(23, rise)
        corners = [0, *(complex(2 + 4 * i, 2 * (-1) ** i) for i in range(6))]
        corners.append(complex(abs(along), -1 / (abs(along) - 20)))
        corners = [complex(2, start) + corner * along / abs(along) for corner in corners]
        ink = np.zeros((28, 28))
        for left, right in itertools.pairwise(corners):
            slope = (right - left).imag / (right - left).real
            for column in range(math.floor(left.real), math.ceil(right.real)):
                row = left.imag + slope * (column - left.real)
                away = np.minimum(np.abs(np.arange(28) - row), 2.2)
                ink[:, column] += np.maximum(1 + np.log(1 - away / 2.3), 0)
        np.testing.assert_allclose(image, 255 * np.minimum(ink, 1), atol=1)


def test_canny_edges_are_a_ring_around_a_square():
    image = spots((9, 9), n=1, size=10)
    made = CORRUPTIONS["canny_edges"](image)[0]
    assert set(made.unique().tolist()) == {0, 255}
    assert made[11:17, 11:17].max() == 0
    assert made[:7].max() == made[21:].max() == made[:, :7].max() == made[:, 21:].max() == 0
    for row in range(10, 18):  # one or two pixels at each side
        assert 1 <= (made[row, 7:12] > 0).sum() <= 2 and 1 <= (made[row, 16:21] > 0).sum() <= 2
    assert torch.equal(made, made.T) and torch.equal(made, made.flip(1))


def test_a_faint_edge_counts_only_where_it_joins_a_clear_one():
    """A step of height h, blurred, has a slope of 2.5 h: weak from 0.04, clear from 0.08."""

    def edges(*greys):
        image = flat(0, 1)
        for part, grey in zip(image[0].split(7), greys, strict=True):
            part[:, 14:] = grey
        return (CORRUPTIONS["canny_edges"](image)[0, 3:25, 12:16] > 0).any(1)

    assert not edges(14, 14, 14, 14).any()  # 0.055
    assert edges(14, 14, 25, 25).all()  # 0.098 below
    assert edges(25, 25, 25, 25).all()
    assert not edges(7, 7, 25, 25)[:6].any()  # 0.027: not even weak
    beside = flat(0, 2)
    beside[:, :, 14:] = torch.tensor([14, 25], dtype=torch.uint8).view(2, 1, 1)
    faint, clear = CORRUPTIONS["canny_edges"](beside)
    assert faint.max() == 0 and clear.max() == 255  # an edge joins none of another image


# --------------------------------------------------------------------------- by degrees


@pytest.mark.parametrize(
    ("family", "value", "name"),
    [
        ("rotation", math.degrees(0.4), "rotate"),
        ("shift", 3, "translate"),
        ("scale", 0.7, "scale"),
        ("noise", 0.17, "impulse_noise"),
    ],
)
def test_a_family_goes_through_the_published_severity(digits, family, value, name):
    few = digits.subset(10, 50)
    one, other = at_severity(few, family, value, seed=2), corrupted(few, name, seed=2)
    assert torch.equal(one.test_images, other.test_images)


@pytest.mark.parametrize("family", SEVERITIES)
def test_a_family_starts_at_the_clean_digit_and_goes_away_from_it(digits, family):
    few, known = digits.subset(10, 100), SEVERITIES[family]
    clean = at_severity(few, family, known.clean)
    assert torch.equal(clean.test_images, few.test_images)
    assert list(known.values) == sorted(known.values) and known.clean not in known.values

    def away(value):
        made = at_severity(few, family, value).test_images
        return (made.double() - few.test_images.double()).abs().mean()

    gaps = {value: away(value) for value in known.values}
    above = [gaps[value] for value in known.values if value > known.clean]
    below = [gaps[value] for value in reversed(known.values) if value < known.clean]
    assert above == sorted(above) and below == sorted(below) and min(gaps.values()) > 0


def test_a_stroke_grows_and_shrinks_by_half_its_change_at_either_side():
    bar = flat(0, 1)
    bar[:, :, 10:14] = 255
    expected = {-4: [0] * 6, -2: [0, 0, 255, 255, 0, 0], -1: [0, 128, 255, 255, 128, 0]}
    expected |= {0.5: [64, 255, 255, 255, 255, 64], 1: [128, 255, 255, 255, 255, 128]}
    for pixels, greys in expected.items():
        made = corruptions.stroke_width(bar, pixels=pixels)
        assert made[0, 14, 9:15].tolist() == greys, pixels
    corner = corruptions.stroke_width(spots((10, 10), n=1, size=6), pixels=4)[0]
    assert corner[8, 12] == 255 and corner[8, 8] < 64  # a disc, not a square


def test_a_set_says_what_was_done_and_keeps_the_rest(digits):
    few = digits.subset(10, 20)
    one, other = corrupted(few, "shot_noise"), at_severity(few, "scale", 0.5)
    assert one.name == "MNIST-5k subset, shot noise"
    assert other.name == "MNIST-5k subset, scale 0.5 times"
    for made in (one, other):
        assert torch.equal(made.test_labels, few.test_labels)
        assert torch.equal(made.train_images, few.train_images)
    assert torch.equal(one.test_images, CORRUPTIONS["shot_noise"](few.test_images))


def test_wrong_names_and_values_are_refused(digits):
    few = digits.subset(10, 20)
    with pytest.raises(ValueError, match="no corruption is called 'shear '; did you mean 'shear'"):
        corrupted(few, "shear ")
    with pytest.raises(ValueError, match="no family of corruptions is called 'rotate'"):
        at_severity(few, "rotate", 10)
    for value in (181, -1, math.nan, "10", True):
        with pytest.raises(ValueError, match=r"rotation=.* is not within 0\.\.180 \(degrees\)"):
            at_severity(few, "rotation", value)
    for make in (lambda s: corrupted(s, "fog"), lambda s: at_severity(s, "shift", 1)):
        with pytest.raises(ValueError, match="is deskewed: change the test digits as they were"):
            make(deskewed(few))
