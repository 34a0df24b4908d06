"""File descriptor 2 and garbage collection are given back whatever happens while TensorFlow is loaded."""

from __future__ import annotations

import gc
import os
import sys

import pytest

from gradcheck.runtime import _uncollected, held_back, load_tensorflow


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_written_meanwhile_is_held(fails: bool, capfd: pytest.CaptureFixture[str]) -> None:
    kept = b""
    try:
        with held_back() as held:
            os.write(2, b"noise of a C++ library\n")
            held.seek(0)
            kept = held.read()
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
    assert kept == b"noise of a C++ library\n"


def test_no_file_descriptor_is_lost() -> None:
    def used() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = used()
    for _ in range(3):
        with held_back():
            pass
    assert used() == before


@pytest.mark.parametrize("collecting", [False, True])
def test_garbage_collection_goes_on_as_before(collecting: bool) -> None:
    (gc.enable if collecting else gc.disable)()
    try:
        with pytest.raises(KeyboardInterrupt), _uncollected():
            assert not gc.isenabled()
            raise KeyboardInterrupt
        assert gc.isenabled() is collecting
    finally:
        gc.enable()


def test_loading_twice_is_nothing() -> None:
    load_tensorflow()
    loaded = sys.modules["tensorflow"]
    load_tensorflow()
    assert sys.modules["tensorflow"] is loaded
    assert gc.isenabled()


def test_what_the_import_makes_is_set_aside() -> None:
    before = gc.get_freeze_count()
    with _uncollected():
        made = [[number] for number in range(1000)]
    assert gc.get_freeze_count() >= before + len(made)
    gc.unfreeze()
