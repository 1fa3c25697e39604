"""Files appear whole or not at all."""

from __future__ import annotations

import os
import threading

import pytest

from reconode.errors import OutputError
from reconode.storage.whole import whole_file, write_whole


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir())


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "new" / "a.bin"
    write_whole(path, b"one")
    write_whole(path, "two")
    assert path.read_bytes() == b"two"
    assert leftovers(path.parent) == ["a.bin"]


def test_permissions_are_those_of_a_plain_file(tmp_path):
    write_whole(tmp_path / "a", b"1")
    (tmp_path / "b").write_bytes(b"1")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    write_whole(path, b"old")

    def fail_half_way():
        with whole_file(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == ["a"]


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a file, not a folder"):
        write_whole(tmp_path / "file" / "a", b"1")


def test_folder_without_permission(tmp_path):
    if os.geteuid() == 0:
        target = "/proc/reconode/a"  # root may write anywhere but here
    else:
        tmp_path.chmod(0o500)
        target = tmp_path / "a"
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(target, b"1")


def test_two_writers_never_mix(tmp_path):
    path = tmp_path / "a"
    contents = [bytes([n]) * 200_000 for n in range(8)]
    seen: list[bytes] = []

    def write(content):
        for _ in range(10):
            write_whole(path, content)
            seen.append(path.read_bytes())

    threads = [threading.Thread(target=write, args=(c,)) for c in contents]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(seen) == 80 and set(seen) <= set(contents)
    assert leftovers(tmp_path) == ["a"]


def test_full_disk(small_disk):
    write_whole(small_disk / "a", b"old")
    with pytest.raises(OutputError, match="disk is full"):
        write_whole(small_disk / "a", bytes(10**6))
    assert (small_disk / "a").read_bytes() == b"old"
    assert leftovers(small_disk) == ["a"]
