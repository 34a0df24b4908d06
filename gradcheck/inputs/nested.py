"""Nested lists of numbers: literals on the command line, and JSON."""

import json
import re
from collections import Counter
from typing import Any

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError
from gradcheck.inputs.foreign import python
from gradcheck.inputs.keys import choose, refuse_key
from gradcheck.inputs.numbers import as_array, number
from gradcheck.inputs.source import Source

MAX_DEPTH = 32
"""As many axes as every NumPy takes."""
_RAGGED_REMEDY = "Give every row the same number of values."
_LISTS_OR_PANDAS = (
    "Write nested lists of numbers, such as [[1, 2], [3, 4]], in pandas with to_json(file, orient='values')."
)
_LISTS = "Write nested lists of numbers with balanced brackets, such as [[1, 2], [3, 4]]."


def read_literal(text: str, where: str) -> Array:
    """`3.0` or `[[1, 2], [3, 4]]` → int64, bool or float64 array; numbers as Python writes them.

    `1.` and `nan` are numbers here, unlike in JSON.
    Raises `TensorError` for other words, unbalanced brackets and ragged lists.
    """
    spelled = re.sub(r"[^\s\[\],]+", lambda found: _as_json(found[0], where), text)
    return _rectangular(_loaded(spelled, where, "no list of numbers"), where)


def read_json(text: str, source: Source, key: str | None) -> Array:
    """A number, or lists of numbers nested to any depth, or one of those in an object → an array as above.

    `key` names an entry of an object: `w`, or `params/w` for one of an object inside.
    """
    try:
        nested = _loaded(text, source.where, "no valid JSON")
    except TensorError:
        _refuse_lines(text, source)
        raise
    if not isinstance(nested, dict):
        refuse_key(key, source, "a list in JSON")
        return _rectangular(nested, source.where)
    if (listed := _as_list(nested)) is not None:
        refuse_key(key, source, "a list in JSON")
        return _rectangular(listed, source.where)
    entries = _entries(nested, source.where)
    return _rectangular(entries[choose(list(entries), key, source, _LISTS_OR_PANDAS)], source.where)


def _as_list(found: dict[str, Any]) -> list[Any] | None:
    """The numbers in an object with the keys 0, 1, 2, …, as pandas writes columns, and JavaScript arrays."""
    counting = list(found) == [str(index) for index in range(len(found))]
    scalars = not any(isinstance(value, dict | list) for value in found.values())
    return list(found.values()) if found and counting and scalars else None


def _entries(found: dict[str, Any], where: str) -> dict[str, Any]:
    """The lists and numbers in an object, and in objects inside of it, in order."""
    entries: dict[str, Any] = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [((), found)]
    while waiting:
        path, value = waiting.pop()
        inside = _as_list(value) if isinstance(value, dict) and path else value
        within = "/".join(path)
        if isinstance(value, dict) and isinstance(inside, dict | None):
            # Each entry is called by the names of all that it is in, which takes the square of the depth.
            if len(path) == MAX_DEPTH:
                raise TensorError(
                    f"{where} has objects nested deeper than {MAX_DEPTH}, which is the most.",
                    "Nest them less.",
                )
            waiting += [((*path, name), item) for name, item in reversed(value.items())]
        elif _of_numbers(inside):
            if within in entries:
                raise TensorError(f"{where} holds two entries called {within!r}.", "Rename one of them.")
            entries[within] = inside
    return entries


def _of_numbers(value: Any) -> bool:
    """Whether the first thing in lists is a number, and not text or an object."""
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, list | int | float)


def _refuse_lines(text: str, source: Source) -> None:
    """Refuse JSON Lines, which is no JSON as a whole."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return
    try:
        first, _ = json.loads(lines[0]), json.loads(lines[1])
    except (ValueError, RecursionError):
        return
    entry = f"[{json.dumps(next(iter(first), ''))}]" if isinstance(first, dict) else ""
    line = python(f"[json.loads(line){entry} for line in open(FILE)]", "json")
    raise TensorError(f"{source.where} is JSON Lines, a value of JSON in each line.", line(source.file))


def _as_json(word: str, where: str) -> str:
    if word.lower() in ("true", "false"):
        return word.lower()
    try:
        return json.dumps(number(word))
    except ValueError as error:
        raise TensorError(
            f"{where} holds {word[:40]!r}, which is no number.", "Write numbers, such as [[1, 2], [3, 4.5]]."
        ) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of two entries of one name the first would be lost without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ValueError(f"the key {twice[:40]!r} is there twice")
    return found


def _loaded(text: str, where: str, complaint: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise TensorError(
            f"{where} is {complaint}: {error.msg} at line {error.lineno}, column {error.colno}.", _LISTS
        ) from error
    except (RecursionError, ValueError) as error:
        raise TensorError(f"{where} is {complaint}: {error}.", "Write nested lists of numbers.") from error


def _rectangular(nested: Any, where: str) -> Array:
    _refuse_misfit(nested, _shape(nested, where), (), where)
    return as_array(nested)


def _shape(nested: Any, where: str) -> tuple[int, ...]:
    """The shape that the first element at every depth promises."""
    shape = []
    while isinstance(nested, list):
        shape.append(len(nested))
        if not nested:
            break
        nested = nested[0]
    if len(shape) > MAX_DEPTH:
        raise TensorError(
            f"{where} has lists nested {len(shape)} deep; {MAX_DEPTH} is the most.", "Nest them less."
        )
    return tuple(shape)


def _refuse_misfit(nested: Any, shape: tuple[int, ...], index: tuple[int, ...], where: str) -> None:
    """Raise at the first place that holds no number, or a list of another length than `shape` says."""
    inner = shape[len(index) :]
    if isinstance(nested, list):
        if not inner or len(nested) != inner[0]:
            usual = f"length {inner[0]}" if inner else "a number"
            raise TensorError(
                f"{where} is ragged: a list of length {len(nested)} at {list(index)}, where others have "
                f"{usual}.",
                _RAGGED_REMEDY,
            )
        if len(inner) == 1 and set(map(type, nested)) <= {int, float, bool}:
            return  # a tenth of the time of a call for each number
        for position, item in enumerate(nested):
            _refuse_misfit(item, shape, (*index, position), where)
    elif not isinstance(nested, (int, float)):
        kind = {"str": "text", "dict": "an object", "NoneType": "null"}[type(nested).__name__]
        raise TensorError(
            f"{where} holds {kind} at {list(index)}; only numbers and lists of numbers are read.",
            _LISTS_OR_PANDAS if kind == "an object" else _LISTS,
        )
    elif inner:
        raise TensorError(
            f"{where} is ragged: a number at {list(index)}, where others have a list.", _RAGGED_REMEDY
        )
