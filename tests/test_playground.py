"""The page from a notebook and as a file: what is written, what is shown, what is refused."""

import json
import re

import pytest
from torch import nn

from utils import data, models, playground, pretrained
from utils.deskewing import deskewed
from utils.experiments.steps import SKELETON
from utils.run import Run


@pytest.fixture
def network():
    return models.build("skeleton", batch_norm=True, dropout=0.1, seed=0)


def test_a_run_is_shown_in_a_frame_and_its_output_stays_small(
    digits, network, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VSCODE_PID", raising=False)
    shown = playground.show(Run(SKELETON, digits.subset(200, 100)))
    assert shown.path.as_posix() == "build/skeleton.html" and shown.path.exists()
    assert len(shown._repr_html_()) < 400 and 'src="build/skeleton.html"' in shown._repr_html_()
    assert repr(shown) == "a page to draw on: build/skeleton.html"
    shown = playground.show(Run(SKELETON, digits.subset(200, 100), model=network))
    assert shown.path.as_posix() == "build/skeleton_own_model.html" and shown.path.exists()


def test_colabs_frame_holds_the_page(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(playground.sys.modules, "google.colab", object())
    assert "srcdoc=" in playground.show(network, "Mine")._repr_html_()


def test_where_the_folder_cannot_be_written_the_page_lies_elsewhere(network, tmp_path, monkeypatch):
    (tmp_path / "build").write_text("in the way", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shown = playground.show(network, "Mine")
    assert shown.path.exists() and "srcdoc=" in shown._repr_html_()


def test_a_name_cannot_end_the_script_early(network, tmp_path):
    path = playground.write(tmp_path / "page.html", {"</script><b>": network})
    text = path.read_text(encoding="utf-8")
    assert "</script><b>" not in text
    found = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    assert [one["name"] for one in found["networks"]] == ["</script><b>"]
    assert found["networks"][0]["parameters"] == 9436


def test_a_pretrained_network_says_that_it_wants_upright_digits():
    described = playground.describe_named("2k", pretrained.load("frontier_2k"))
    assert described["upright"] is True


def test_a_run_on_upright_digits_wants_them(digits):
    few = digits.subset(20, 20)
    wanted = [
        playground.describe_named("mine", Run(recipe, images, device="cpu"))["upright"]
        for recipe, images in (
            (SKELETON, few),
            (SKELETON, deskewed(few)),
            (SKELETON.variant(deskew=True), few),
        )
    ]
    assert wanted == [False, True, True]


class Odd(nn.Sequential):
    def forward(self, x):
        return -super().forward(x)


REFUSED = {
    "a layer": (nn.Sequential(nn.Conv2d(1, 10, 28), nn.Sigmoid()), "the page has no Sigmoid"),
    "a forward": (Odd(nn.Conv2d(1, 10, 28)), "the page has no Odd"),
    "an option": (nn.Sequential(nn.Conv2d(1, 10, 5, dilation=2)), "the page has no Conv2d"),
    "outputs": (nn.Sequential(nn.Conv2d(1, 9, 28)), "ends in 9 values, expected ten"),
    "sizes": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(8, 10, 26)), "does not fit"),
    "a kind": ("network", "a str is no Run and no network"),
}


@pytest.mark.parametrize(("source", "words"), REFUSED.values(), ids=REFUSED)
def test_what_the_page_cannot_show_is_named(source, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        playground.write(tmp_path / "page.html", {"mine": source})
    assert not list(tmp_path.iterdir())


def test_other_files_and_no_network_are_refused(network, tmp_path):
    with pytest.raises(ValueError, match=r"neither \.html nor \.json"):
        playground.write(tmp_path / "page.txt", {"mine": network})
    with pytest.raises(ValueError, match="expected at least one"):
        playground.write(tmp_path / "page.html", {})


@pytest.mark.parametrize("content", ["label\n3,1\n", "label\n" + ",".join(["300"] * 785), ""])
def test_a_file_without_drawings_is_named(content, tmp_path):
    path = tmp_path / "drawings.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"drawings\.csv holds no drawings of the page"):
        data.load_drawings(path)
