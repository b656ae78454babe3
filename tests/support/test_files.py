"""Files are written whole or not at all, as plain ``open`` would leave them."""

import io
import os
import sys

import pytest

from utils.support import files

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def write(text, path):
    with files.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def test_what_is_synced_is_open_for_writing(tmp_path, monkeypatch):
    """Windows refuses to sync a handle that is open for reading."""

    def sync(handle):
        with io.FileIO(handle, "r+", closefd=False) as probe:
            os.lseek(handle, 0, os.SEEK_END)
            probe.write(b" and synced")

    monkeypatch.setattr(os, "fsync", sync)
    write("written", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"written and synced"


def test_text_is_the_same_bytes_everywhere(tmp_path):
    files.write_text("28 × 28\n", tmp_path / "new" / "a.txt")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"28 \xc3\x97 28\n"


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "elsewhere" / "a.txt", tmp_path / "a.txt"
    target.parent.mkdir()
    target.write_text("old", encoding="utf-8")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this account may not make links")
    write("new", link)
    assert link.is_symlink() and target.read_text(encoding="utf-8") == "new"
    (target.parent / ".a.txt.1234").touch()
    files.sweep(link)
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


@posix
@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
def test_a_new_file_has_the_mode_that_open_gives(tmp_path, umask):
    before = os.umask(umask)
    try:
        write("", tmp_path / "a.txt")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~umask


@posix
def test_an_old_file_keeps_its_mode(tmp_path):
    path = tmp_path / "a.txt"
    path.touch(0o640)
    path.chmod(0o640)
    write("new", path)
    assert path.stat().st_mode & 0o777 == 0o640


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    files.write_json({"fine": 1}, path)
    with pytest.raises(TypeError):
        files.write_json({"broken": object()}, path)
    with pytest.raises(ValueError, match="halfway"), files.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise ValueError("halfway")
    assert path.read_text(encoding="utf-8") == '{\n "fine": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]
