"""A loader whose later epochs take the images of highest loss."""

import pytest
import torch
import torch.nn.functional as F

from utils import pieces
from utils.experiments.speed import SPEEDRUN
from utils.experiments.steps import SKELETON
from utils.selection import SelectingLoader

TINY = SPEEDRUN.variant("tiny", stages="4/6", epochs=3, batch_size=32, selection=0.25)


@pytest.fixture
def few(digits):
    at = torch.arange(0, 4000, 40)
    return digits.train_images[at], digits.train_labels[at]


def make(few, **options):
    return SelectingLoader(*few, **{"batch_size": 32, "share": 0.25, "seed": 0} | options)


def answers(labels, losses):
    """Logits whose cross-entropies are ``losses``, up to what log-sum-exp allows."""
    wanted = torch.tensor(losses)
    logits = torch.zeros(len(labels), 10)
    # exp(-loss) is the probability of the label: p = e^a / (e^a + 9)
    p = (-wanted).exp()
    logits[torch.arange(len(labels)), labels] = (9 * p / (1 - p)).log()
    return logits


def epoch(loader, losses):
    """Go through an epoch, telling the loader a loss for each image; return which came."""
    seen = []
    for x, y in loader:
        seen += loader._at.tolist()
        assert torch.equal(y, loader.labels[loader._at]) and len(x) == len(loader._at)
        loader.learn(answers(y, [losses[i] for i in loader._at.tolist()]), y)
    return seen


def test_the_first_epoch_takes_all_and_later_ones_the_highest_losses(few):
    loader = make(few)
    assert len(loader) == 4
    losses = [0.1 + (37 * i % 100) / 50 for i in range(100)]
    assert sorted(epoch(loader, losses)) == list(range(100))
    highest = sorted(range(100), key=losses.__getitem__)[75:]
    assert len(loader) == 1 and sorted(epoch(loader, losses)) == sorted(highest)


def test_a_loss_is_the_mean_of_the_new_and_the_earlier_one(few):
    loader = make(few)
    epoch(loader, [2.0] * 100)
    seen = epoch(loader, [1.0] * 100)
    expected = torch.full((100,), 2.0)
    expected[seen] = 1.5
    torch.testing.assert_close(loader.losses, expected)


def test_the_loss_is_cross_entropy(few):
    loader = make(few)
    _, y = next(iter(loader))
    logits = torch.randn(len(y), 10)
    loader.learn(logits, y)
    torch.testing.assert_close(
        loader.losses[loader._at], F.cross_entropy(logits, y, reduction="none")
    )


def test_at_random_another_quarter_comes_each_time(few):
    loader = make(few, at_random=True)
    epoch(loader, [1.0] * 100)
    first, second = (epoch(loader, [float(i + 1) for i in range(100)]) for _ in range(2))
    assert len(set(first)) == len(set(second)) == 25 and set(first) != set(second)


@pytest.mark.parametrize("at_random", [False, True])
def test_two_runs_agree_and_count_their_updates(digits, at_random):
    few = digits.subset(640, 100)
    recipe = TINY.variant("tiny", at_random=at_random)
    made = [pieces.prepare(recipe, few, 0, "cpu") for _ in range(2)]
    assert recipe.images_per_epoch(640) == [640, 160, 160] and recipe.updates(640) == 20 + 5 + 5
    first, second = (one.fit(verbose=False) for one in made)
    assert first.train_loss == second.train_loss and first.trained == [640, 160, 160]
    assert first.train_samples == 640
    assert first.train_accuracy[1] == 100 * first.train_correct[1] / 160
    # The schedule ends with the last update: one more would be refused.
    assert made[0].schedule.last_epoch == 30


def test_what_is_selected_is_harder_than_the_rest(digits):
    few = digits.subset(640, 100)
    history = pieces.prepare(TINY, few, 0, "cpu").fit(verbose=False)
    drawn = TINY.variant("tiny", at_random=True)
    by_chance = pieces.prepare(drawn, few, 0, "cpu").fit(verbose=False)
    assert history.train_loss[1] > by_chance.train_loss[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"selection": 1.0}, "selection=1.0 is not within 0 <= selection < 1"),
        ({"at_random": True}, "at_random=True draws a selection: give its share"),
        ({"selection": 0.5, "engine": "albumentations"}, "selection needs the batched engine"),
        ({"selection": 0.5, "schedule": "step"}, "schedule='step' counts epochs of one length"),
    ],
)
def test_a_selection_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SKELETON.variant(**changes)


def test_a_policy_that_runs_image_by_image_is_refused(digits):
    import albumentations as A

    blurred = A.Compose([A.GaussianBlur(p=1)])
    with pytest.raises(ValueError, match="selection needs whole batches"):
        pieces.prepare(TINY, digits.subset(64, 32), 0, "cpu", policy=blurred)
