"""Names as a command line has them, `params/W1` and `layers/0/b` → a template of dicts and lists."""

from collections.abc import Iterable
from typing import Any

from gradcheck.errors import TargetError
from gradcheck.targets.structure import Template


def from_paths(names: Iterable[str]) -> dict[str, Template]:
    """The template of some paths: `layers/0/b` is in a list, `params/W1` in a dict.

    Raises `TargetError` if a path is a part of another, or a list has gaps.
    """
    nested: dict[str, Any] = {}
    for name in names:
        *folders, last = name.split("/")
        place = nested
        for folder in folders:
            place = place.setdefault(folder, {})
            if isinstance(place, str):
                raise TargetError(
                    f"{place!r} is an array, and {name!r} would be in it.", "Rename one of them."
                )
        if last in place:
            raise TargetError(f"{name!r} is an array, and others would be in it.", "Rename one of them.")
        place[last] = name
    return {key: _lists(part, key) for key, part in nested.items()}


def _lists(part: Template, path: str) -> Template:
    """A template with lists for the dicts whose keys are numbers."""
    if isinstance(part, str):
        return part
    parts = {key: _lists(inner, f"{path}/{key}") for key, inner in part.items()}
    if not all(key.isdecimal() for key in parts):
        return parts
    expected = [str(number) for number in range(len(parts))]
    for number in expected:
        if number not in parts:
            raise TargetError(f"{path}/{number} is missing, and a list has no gaps.", "Count from 0.")
    return [parts[number] for number in expected]
