"""The network that each recorded run keeps."""

import pytest
import torch
from torch import nn

from utils import pieces, training
from utils.experiments.frontier import FRONTIER
from utils.experiments.recorded import BadResult, path_of
from utils.experiments.steps import REGULARIZATION
from utils.lab.runs import networks, one, results

SHORT = REGULARIZATION.variant("short", "Short", epochs=1)
AVERAGED = FRONTIER[2000].variant("averaged", "Averaged", epochs=1)


@pytest.fixture(scope="module", params=[SHORT, AVERAGED], ids=lambda recipe: recipe.name)
def kept(request, digits, tmp_path_factory):
    recipe, images = request.param, digits.subset(500, 200)
    result = one.run(recipe, 3, images, "cpu", verbose=False, keep_network=True)
    path = path_of(recipe, 3, tmp_path_factory.mktemp("results"))
    results.write(result, path)
    return recipe, images, result, path


def test_the_kept_network_gives_the_recorded_mistakes(kept):
    recipe, images, result, path = kept
    network = networks.load(path, recipe)
    _, loader = pieces.build_loaders(recipe, pieces.preprocessed(recipe, images), seed=0)
    answers = training.evaluate(network, loader, "cpu")
    assert answers.mistakes().as_lists()["indices"] == result["misclassified"]["indices"]
    assert answers.mistakes().as_lists()["predictions"] == result["misclassified"]["predictions"]


def test_a_network_that_is_missing_or_another_one_is_refused(kept, tmp_path):
    recipe, _, result, path = kept
    other = path_of(recipe, 4, tmp_path)
    results.write(result, other)
    networks.path_of(other).write_bytes(networks.path_of(path).read_bytes() + b"\0")
    with pytest.raises(BadResult, match="is not the network of seed-4"):
        networks.load(other, recipe)
    networks.path_of(other).unlink()
    with pytest.raises(BadResult, match="keeps no network"):
        networks.load(other, recipe)


def test_weights_take_16_bits_only_where_every_answer_stays():
    torch.manual_seed(0)
    network = nn.Linear(100, 10)
    images = torch.randn(50, 100)

    def size(predict):
        return len(networks.packed(network, predict(network), predict))

    robust = size(lambda net: net(images).argmax(1))
    exact = size(lambda net: net.weight.double().sum(1))
    assert robust < 0.6 * exact


def test_the_recorded_networks_fit_a_repository():
    """A file a run, so that each can be recorded, checked and replaced alone."""
    sizes = [path.stat().st_size for path in results.FOLDER.glob("*/*.npz")]
    assert 0 < sum(sizes) <= 12e6
