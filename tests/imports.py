"""Tests that import files of a user leave nothing of them behind."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def forgotten(folder: Path) -> Iterator[None]:
    """Forget afterwards what was imported from a folder, and that sys.path leads there."""
    path = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            places = [file] if file else list(getattr(module, "__path__", []))
            if any(Path(place).is_relative_to(folder) for place in places):
                del sys.modules[name]
