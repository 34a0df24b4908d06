"""What the tests of suite files need: the words of the real commands, and a file in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gradcheck.cli.vocabulary import vocabulary
from gradcheck.suite.reading import Suite, read_suite

Read = Callable[..., Suite]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a text as the suite of a file with this name."""

    def reader(text: str, name: str = "gradcheck.toml") -> Suite:
        file = tmp_path / name
        file.write_bytes(text.encode())
        return read_suite(file, vocabulary())

    return reader
