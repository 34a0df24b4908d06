"""What all tests of the command line need."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_options_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No option comes from a GRADCHECK_… variable of whoever runs the tests."""
    for name in [*os.environ]:
        if name.startswith("GRADCHECK_"):
            monkeypatch.delenv(name)
