"""Nested dicts, lists and tuples of arrays ⇄ arrays by path: {"layers": [{"b": b}]} ⇄ {"layers/0/b": b}.

A template is such a structure with the path of each leaf in its place. Numbers in lists and tuples are no
leaves but one array, as they are for NumPy.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any, TypeAlias

from gradcheck.errors import TargetError

Template: TypeAlias = Any
"""A path, or a dict, list or tuple of templates."""


def is_nested(value: Any) -> bool:
    """Whether a value is a structure: a dict, or a list or tuple that holds one, or an array with axes."""
    if isinstance(value, list | tuple):
        return any(is_nested(part) or getattr(part, "ndim", 0) > 0 for part in value)
    return isinstance(value, Mapping)


def named(value: Any, path: str = "") -> tuple[Template, dict[str, Any]]:
    """The template of a structure, and its leaves by path.

    Raises `TargetError` if two leaves have one path, as those of {"a": {"b": …}, "a/b": …}.
    """
    leaves: dict[str, Any] = {}

    def template(part: Any, place: str) -> Template:
        if is_nested(part):
            return _like(part, lambda key, inner: template(inner, f"{place}/{key}" if place else str(key)))
        if place in leaves:
            raise TargetError(f"Two inputs are named {place!r}.", "Rename one of them.")
        leaves[place] = part
        return place

    return template(value, path), leaves


def _like(structure: Any, inner: Callable[[Any, Any], Any]) -> Any:
    """A structure of the same type with inner(key, part) for every part."""
    if isinstance(structure, Mapping):
        made = copy(structure) if isinstance(structure, dict) else dict(structure)
        made.update({key: inner(key, part) for key, part in structure.items()})
        return made
    parts = [inner(number, part) for number, part in enumerate(structure)]
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def paths(template: Template) -> list[str]:
    """The paths in a template, in its order."""
    if isinstance(template, str):
        return [template]
    parts: Iterable[Any] = template.values() if isinstance(template, Mapping) else template
    return [path for part in parts for path in paths(part)]


def filled(template: Template, values: Mapping[str, Any]) -> Any:
    """The structure with the value of each path; always a new one, so that nobody else's can be changed."""
    if isinstance(template, str):
        return values[template]
    return _like(template, lambda _, part: filled(part, values))


def from_paths(names: Iterable[str]) -> dict[str, Template]:
    """The template of paths as a command line has them: `layers/0/b` is in a list, `params/W1` in a dict.

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
