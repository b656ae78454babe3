"""The card beside the trained networks says of each file what was recorded."""

from made_up import columns, of

from utils import pretrained
from utils.experiments import catalogue
from utils.lab.report import card
from utils.lab.runs import results


def test_every_file_has_its_row(monkeypatch, runs):
    for at, name in enumerate(pretrained.saved()):
        first, made = catalogue.get(name).first, of(99.2 + 0.01 * at, 99.3, 99.4)
        runs[name] = {first + seed: run for seed, run in made.items()}
    counted = [{"seed": seed, "rounded": {"correct": 9930 + seed}} for seed in range(4)]
    monkeypatch.setattr(results, "reported", lambda name: counted)
    found, files = columns(card.table()), pretrained.saved()
    assert found["file"] == [f"`{path.name}`" for path in files.values()]
    assert found["bytes"] == [f"{path.stat().st_size:,}" for path in files.values()]
    for at, name in enumerate(files):
        whole = bool(catalogue.recipe(name).levels)
        assert found["this file"][at] == ("99.30" if whole else f"{99.2 + 0.01 * at:.2f}")
        assert found["seeds"][at] == (4 if whole else 3)


def test_its_words_name_every_kind_of_file():
    words = card.TEMPLATE.read_text(encoding="utf-8")
    kinds = {path.suffix for path in pretrained.FOLDER.iterdir() if path.suffix not in ("", ".md")}
    assert kinds == {".pt", ".bin", ".onnx"}
    assert all(f"`NAME{kind}`" in words for kind in kinds) and f"`{pretrained.SUMS}`" in words
