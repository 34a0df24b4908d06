"""TOML values → arguments of the command line."""

import json
from collections.abc import Iterator
from typing import Any

from gradcheck.errors import beginning
from gradcheck.suite.vocabulary import Entry

LONGEST = 60
"""Characters of a value that an error repeats."""


class WrongValue(Exception):
    """What a value is, the rule that it breaks, and what to write."""

    def __init__(self, found: str, remedy: str, *inside: str) -> None:
        """`inside` is the key in a table where the value is."""
        super().__init__(found, remedy)
        self.found = found
        self.remedy = remedy
        self.inside = inside


def arguments(key: str, entry: Entry, value: Any) -> tuple[str, ...]:
    """What gives a value to an option, such as `("--pool-size", "3")`; raises `WrongValue`."""
    if entry.flag:
        if not isinstance(value, bool):
            raise WrongValue(f"{key!r} is yes or no, not {described(value)}", f"Write {key} = true or false.")
        return (entry.option,) if value else ()
    return tuple(part for text in _texts(key, entry, value) for part in (entry.option, text))


def described(value: Any) -> str:
    """The kind of a TOML value, and the value itself where it is short, for a sentence."""
    for kind, name in ((dict, "a table"), (list, "an array")):
        if isinstance(value, kind):
            return name
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {shortened(value)}"
    return f"the number {value}" if isinstance(value, int | float) else f"the date or time {value}"


def shortened(text: str) -> str:
    """Text of the user's in quotes, on one line."""
    return repr(beginning(text, LONGEST))


def _texts(key: str, entry: Entry, value: Any) -> Iterator[str]:
    """The text of each time that the option is given."""
    if isinstance(value, dict) and entry.pairs:
        for name, one in value.items():
            if not name.strip() or "=" in name:
                raise WrongValue(f"{key!r} holds {shortened(name)}, which is no name", "Rename it.", name)
            yield f"{name}={_text(key, entry, one, name)}"
    elif isinstance(value, list) and entry.repeated and not _is_tensor(entry, value):
        for one in value:
            if not isinstance(one, str) and not _is_tensor(entry, one):
                rule = f"{key!r} takes an array of strings, and {described(one)} is in it"
                raise WrongValue(rule, _form(key, entry))
            yield one if isinstance(one, str) else _text(key, entry, one)
    elif isinstance(value, str):
        yield value
    elif (entry.named or entry.json) and not isinstance(value, dict):
        raise WrongValue(f"{key!r} is {described(value)} and should be a table", _form(key, entry))
    else:
        yield _text(key, entry, value)


def _is_tensor(entry: Entry, value: Any) -> bool:
    """Whether it is the literal of one tensor: an array of strings, or an empty one, is none."""
    literal = entry.tensor and not entry.named and isinstance(value, list)
    return literal and bool(value) and not any(isinstance(one, str) for one in value)


def _text(key: str, entry: Entry, value: Any, *inside: str) -> str:
    """The text of one value; `inside` is the name that it has in a table."""
    if entry.json and not (isinstance(value, str) and entry.files and entry.files.fullmatch(value)):
        try:
            return json.dumps(value, ensure_ascii=False)
        except TypeError:
            rule = f"{_place(key, inside)} holds a date or time, which is no JSON"
            raise WrongValue(rule, "Write it as a string.", *inside) from None
    if isinstance(value, str):
        return value
    if isinstance(value, list) and entry.tensor:
        _refuse_others(key, value, inside)
        return json.dumps(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    rule = "takes a tensor" if entry.tensor else "takes one value"
    raise WrongValue(
        f"{_place(key, inside)} {rule}, not {described(value)}",
        _form(key, entry) if isinstance(value, list | dict) else "Write a string or a number.",
        *inside,
    )


def _refuse_others(key: str, value: Any, inside: tuple[str, ...]) -> None:
    """Raise unless all in nested arrays is numbers."""
    if isinstance(value, list):
        for one in value:
            _refuse_others(key, one, inside)
    elif not isinstance(value, bool | int | float):
        found = f"{_place(key, inside)} is an array with {described(value)} in it, which is no tensor"
        raise WrongValue(found, "Write nested arrays of numbers, or a string.", *inside)


def _place(key: str, inside: tuple[str, ...]) -> str:
    return f"{inside[0]!r} in {key!r}" if inside else repr(key)


def _form(key: str, entry: Entry) -> str:
    """What to write for an option."""
    what = "[[1.0, 2.0]]" if entry.tensor else "-1" if entry.json else '"…"'
    if entry.json and not entry.pairs:
        return f"Write {key} = {{units = 3}}."
    table = f"{key} = {{x = {what}}}"
    if entry.pairs and not entry.repeated:
        return f"Write {table}."
    if entry.repeated:
        return f'Write {f"{table} or " if entry.pairs else ""}{key} = ["…", "…"].'
    return f"Write {key} = {what}; a grid of values belongs into matrix = {{{key} = […]}}."
