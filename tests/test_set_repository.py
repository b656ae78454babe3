"""A fork's address: one command writes it wherever the project's own stands."""

import importlib.util
import shutil
import subprocess

import nbformat
import pytest

from utils.support.paths import ROOT

spec = importlib.util.spec_from_file_location("set_repository", ROOT / "tools/set_repository.py")
set_repository = importlib.util.module_from_spec(spec)
spec.loader.exec_module(set_repository)

FORK = "https://github.com/you/your-fork"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the files that hold the address, in a git repository without a remote."""
    for path in set_repository.files():
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    monkeypatch.setattr(set_repository, "ROOT", tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


def test_a_fork_is_one_command(copy):
    old = set_repository.current()
    assert set_repository.main([FORK]) == 0
    assert set_repository.current() == FORK
    slug = old.removeprefix("https://github.com/")
    for path in set_repository.files():
        text = path.read_text(encoding="utf-8")
        assert old not in text and f"/github/{slug}/" not in text
        if path.suffix == ".ipynb":
            assert f"/github/you/your-fork/blob/main/{path.relative_to(copy).as_posix()}" in text
            nbformat.read(path, as_version=4)


@pytest.mark.parametrize(
    "address",
    [FORK, f"{FORK}.git", "git@github.com:you/your-fork.git", "ssh://git@github.com/you/your-fork"],
)
def test_the_address_of_origin_is_taken_where_none_is_given(copy, address):
    subprocess.run(["git", "-C", copy, "remote", "add", "origin", address], check=True)
    assert set_repository.main([]) == 0
    assert set_repository.current() == FORK


@pytest.mark.parametrize(
    "address", [[], ["you/fork"], ["https://example.com/you/fork"], [FORK] * 2]
)
def test_an_address_that_is_none_is_refused(copy, address, capsys):
    assert set_repository.main(address) == 2
    assert "expected one address like" in capsys.readouterr().err
    assert set_repository.current() != FORK
