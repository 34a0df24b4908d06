"""Click types for what the commands on a user's own code take."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

_FILE = re.compile(r".*\.(npy|npz(:.+)?|csv|tsv|txt)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class TensorFile:
    """A constant that is a tensor in a file, such as data and labels."""

    text: str


def named_tensor(text: str) -> tuple[str, str]:
    """NAME=TENSOR as a name and the text of its tensor."""
    return _assignment(text, "TENSOR")


def named_constant(text: str) -> tuple[str, Any]:
    """NAME=JSON as a name and its value, or NAME=FILE with a tensor."""
    name, value = _assignment(text, "JSON")
    try:
        return name, json.loads(value)
    except ValueError as error:
        if _FILE.fullmatch(value):
            return name, TensorFile(value)
        raise click.BadParameter(
            f"{value!r} is no JSON ({error}): write numbers as 3, lists as [1, 2], true, false or null, "
            "text in double quotes, and a tensor as its file, such as y.npy."
        ) from error


def _assignment(text: str, what: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name.strip() or not value:
        raise click.BadParameter(f"{text!r} is not of the form NAME={what}.")
    return name.strip(), value


def json_object(text: str) -> dict[str, Any]:
    """A JSON object, written or in a .json file, as a dict."""
    where = "it"
    if text.endswith(".json"):
        where = repr(text)
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise click.BadParameter(f"{where} cannot be read: {reason}.") from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f'{where} is no JSON ({error}): write it as {{"units": 3}}.') from error
    if not isinstance(value, dict):
        raise click.BadParameter(f'{where} is no JSON object: write it as {{"units": 3}}.')
    return value


def once_each(
    ctx: click.Context, param: click.Parameter, pairs: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    """The assignments as a dict; a name that is given twice is a usage error."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise click.BadParameter(f"{name!r} is given {names.count(name)} times.", ctx, param)
    return dict(pairs)
