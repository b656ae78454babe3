"""The network that each recorded run keeps."""

import hashlib
import io
import zlib

import numpy as np
import pytest
import torch
from torch import nn

from utils import pieces, training
from utils.experiments import catalogue
from utils.experiments.frontier import FRONTIER
from utils.experiments.recorded import BadResult, path_of, read_sealed, seal, seeds_of
from utils.experiments.steps import REGULARIZATION
from utils.lab.runs import kept, networks, one, results
from utils.recipes import build_model

SHORT = REGULARIZATION.variant("short", "Short", epochs=1)
AVERAGED = FRONTIER[2000].variant("averaged", "Averaged", epochs=1)
KEEPING = [
    known.recipe.name
    for known in catalogue.EXPERIMENTS.values()
    if any("network" in read_sealed(path) for path in seeds_of(known.recipe).values())
]
ZLIB = "7640fd30b744f33a914bcbf4a92711e56103daf2deadd4297424dcd8aa0814ae"  # of what same_zlib packs


@pytest.fixture(scope="module", params=[SHORT, AVERAGED], ids=lambda recipe: recipe.name)
def made(request, digits, tmp_path_factory):
    recipe, images = request.param, digits.subset(500, 200)
    result = one.run(recipe, 3, images, "cpu", verbose=False, keep_network=True)
    path = path_of(recipe, 3, tmp_path_factory.mktemp("results"))
    results.write(result, path)
    return recipe, images, result, path


def test_the_kept_network_gives_the_recorded_mistakes(made):
    recipe, images, result, path = made
    network = networks.load(path, recipe)
    _, loader = pieces.build_loaders(recipe, pieces.preprocessed(recipe, images), seed=0)
    answers = training.evaluate(network, loader, "cpu")
    assert answers.mistakes().as_lists()["indices"] == result["misclassified"]["indices"]
    assert answers.mistakes().as_lists()["predictions"] == result["misclassified"]["predictions"]


def test_a_network_that_is_missing_or_another_one_is_refused(made, tmp_path):
    recipe, _, result, path = made
    other = path_of(recipe, 4, tmp_path)
    results.write(result, other)
    kept.path_of(other).write_bytes(kept.path_of(path).read_bytes() + b"\0")
    with pytest.raises(BadResult, match="is not the network of seed-4"):
        networks.load(other, recipe)
    kept.path_of(other).unlink()
    results.write({key: value for key, value in result.items() if key != "network"}, other)
    with pytest.raises(BadResult, match="keeps no network"):
        networks.load(other, recipe)
    results.write(result, other)
    kept.path_of(other).unlink()
    with pytest.raises(BadResult, match=r"cannot be read .*: take it from git again"):
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


@pytest.fixture
def two(made, tmp_path):
    """Two recorded runs that have left their networks, and these networks' bytes."""
    recipe, _, result, path = made
    other = build_model(recipe).eval()
    left = (
        kept.path_of(path).read_bytes(),
        networks.packed(other, torch.tensor(0), lambda _: torch.tensor(0)),
    )
    paths = [path_of(recipe, seed, tmp_path) for seed in (3, 4)]
    for each, content in zip(paths, left, strict=True):
        results.write(result | {"network": content}, each)
    return recipe, paths, left


def same(one, other):
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


def are(paths, left, recipe):
    return all(
        same(networks.load(path, recipe), networks.unpacked(content, recipe))
        for path, content in zip(paths, left, strict=True)
    )


def test_gathered_networks_are_those_that_the_runs_left(two):
    recipe, paths, left = two
    kept.path_of(paths[1]).rename(paths[1].with_suffix(".later"))
    assert kept.gather(paths[0].parent) == paths[0].with_name(kept.GATHERED)
    paths[1].with_suffix(".later").rename(kept.path_of(paths[1]))
    assert are(paths, left, recipe)  # one gathered, one not
    kept.gather(paths[0].parent)
    assert are(paths, left, recipe)
    assert not [*paths[0].parent.glob("*.npz")]
    assert kept.gather(paths[0].parent) is None


def test_a_run_that_is_recorded_anew_replaces_its_network(two):
    recipe, paths, left = two
    kept.gather(paths[0].parent)
    results.write(dict(read_sealed(paths[0])) | {"network": left[1]}, paths[0])
    assert are(paths, [left[1], left[1]], recipe)
    kept.gather(paths[0].parent)
    assert are(paths, [left[1], left[1]], recipe)


def test_a_network_that_is_not_its_runs_is_not_gathered(two):
    _, paths, left = two
    kept.path_of(paths[1]).write_bytes(left[1] + b"\0")
    with pytest.raises(BadResult, match=r"is not the network of seed-4\.json"):
        kept.gather(paths[0].parent)
    assert kept.path_of(paths[0]).exists() and kept.path_of(paths[1]).exists()


def test_a_network_whose_result_is_not_written_yet_stays(two):
    _, paths, _ = two
    paths[1].unlink()
    kept.gather(paths[0].parent)
    assert not kept.path_of(paths[0]).exists() and kept.path_of(paths[1]).exists()


def test_gathered_networks_of_other_runs_are_refused(two):
    recipe, paths, _ = two
    gathered = kept.gather(paths[0].parent)
    results.write_json(resealed(paths[0], network="0" * 64), paths[0])
    with pytest.raises(BadResult, match=r"is not the network of seed-3\.json"):
        networks.load(paths[0], recipe)
    later = path_of(recipe, 5, paths[0].parents[1])
    results.write_json(read_sealed(paths[1]), later)
    with pytest.raises(BadResult, match=r"is not the network of seed-5\.json, or lacks it"):
        networks.load(later, recipe)
    found = kept._read(gathered)
    seals = [found[seed].pop(kept.SEALS) for seed in ("seed-3", "seed-4")]
    found["seed-3"], found["seed-4"] = found["seed-4"], found["seed-3"]
    for seed, sealed in zip(("seed-3", "seed-4"), seals, strict=True):
        found[seed][kept.SEALS] = sealed
    gathered.write_bytes(kept._packed(found))
    with pytest.raises(BadResult, match=r"the weights of seed-[34] are not those"):
        networks.load(paths[1], recipe)


@pytest.mark.parametrize("damage", [lambda content: content[:-100], lambda content: b"\0\0"])
def test_a_damaged_file_is_said_and_not_written_over(two, damage):
    recipe, paths, left = two
    gathered = kept.gather(paths[0].parent)
    gathered.write_bytes(damage(gathered.read_bytes()))
    with pytest.raises(BadResult, match=r"is damaged .*: take it from git again"):
        networks.load(paths[0], recipe)
    kept.write(left[0], paths[0])
    with pytest.raises(BadResult, match="is damaged"):
        kept.gather(paths[0].parent)
    assert kept.path_of(paths[0]).exists()


def resealed(path, **changes):
    result = read_sealed(path) | changes
    return result | {"sha256": seal(result)}


@pytest.mark.parametrize("name", KEEPING)
def test_gathered_networks_are_those_that_were_recorded(name):
    """Packed again, in the order of its layers, each gives the bytes that its run left."""
    recipe = catalogue.recipe(name)
    said = {path.stem: read_sealed(path)["network"] for path in seeds_of(recipe).values()}
    gathered = kept._read(results.FOLDER / name / kept.GATHERED)
    assert gathered.keys() == said.keys()
    if not same_zlib():
        pytest.skip("this zlib packs in another way than that of the recorded runs")
    order = [*build_model(recipe).state_dict()]
    for run, found in gathered.items():
        assert found.pop(kept.SEALS)[0] == said[run]
        content = io.BytesIO()
        np.savez_compressed(content, **{layer: found.pop(layer) for layer in order})
        assert not found
        assert hashlib.sha256(content.getvalue()).hexdigest() == said[run]


def same_zlib():
    numbers = np.random.default_rng(0).standard_normal(20_000).astype(np.float16)
    return hashlib.sha256(zlib.compress(numbers.tobytes())).hexdigest() == ZLIB


def test_the_recorded_networks_fit_a_repository():
    """``lab report`` gathers those of a recipe in one file."""
    left = [*results.FOLDER.glob("*/*.npz")]
    sizes = [path.stat().st_size for path in results.FOLDER.glob(f"*/{kept.GATHERED}")]
    assert not left and 0 < sum(sizes) <= 12e6
