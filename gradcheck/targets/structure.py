"""Nested dicts, lists and tuples of arrays ⇄ arrays by path: {"layers": [{"b": b}]} ⇄ {"layers/0/b": b}.

A template is such a structure with the path of each leaf in its place. Numbers in lists and tuples are no
leaves but one array, as they are for NumPy. Text and the like inside of a structure stays what it is.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Template: TypeAlias = Any
"""A path, something `Fixed`, or a dict, list or tuple of templates."""


@dataclass(frozen=True)
class Fixed:
    """A leaf that is no array, such as the name of an activation or a number of steps: passed as it is."""

    value: Any


def is_nested(value: Any) -> bool:
    """Whether a value is a structure: a dict, or a list or tuple that holds one, or an array with axes."""
    if isinstance(value, list | tuple):
        return any(is_nested(part) or len(getattr(part, "shape", ())) > 0 for part in value)
    return isinstance(value, Mapping)


def named(value: Any, path: str = "") -> tuple[Template, dict[str, Any]]:
    """The template of a structure, and its leaves by path."""
    leaves: dict[str, Any] = {}

    def template(part: Any, place: str) -> Template:
        if is_nested(part):
            return _like(part, lambda key, inner: template(inner, f"{place}/{key}" if place else str(key)))
        leaves[place] = part
        return place

    return template(value, path), leaves


def fixing(nested: Mapping[str, Template], leaves: Mapping[str, Any]) -> tuple[Template, dict[str, Any]]:
    """The template of inputs and their leaves, without text, None and Python's own integers and booleans
    inside of structures, which are fixed; a leaf that is an input by itself has to be an array."""
    inside = {path for part in nested.values() if not isinstance(part, str) for path in paths(part)}
    fixed = {path for path in inside if isinstance(leaves[path], str | bytes | int | None)}
    places = {path: Fixed(leaf) if path in fixed else path for path, leaf in leaves.items()}
    return filled(nested, places), {path: leaf for path, leaf in leaves.items() if path not in fixed}


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
    if isinstance(template, Fixed):
        return []
    parts: Iterable[Any] = template.values() if isinstance(template, Mapping) else template
    return [path for part in parts for path in paths(part)]


def filled(template: Template, values: Mapping[str, Any]) -> Any:
    """The structure with the value of each path; always a new one, so that nobody else's can be changed."""
    if isinstance(template, str):
        return values[template]
    if isinstance(template, Fixed):
        return template.value
    return _like(template, lambda _, part: filled(part, values))


def copied(value: Any) -> Any:
    """A structure with copies of its NumPy arrays; anything else as it is."""
    if is_nested(value):
        return _like(value, lambda _, part: copied(part))
    return value.copy() if isinstance(value, np.ndarray) else value
