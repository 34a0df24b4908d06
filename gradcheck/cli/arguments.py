"""Click types for what the commands on a user's own code take."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gradcheck.cli.group import Guarded
from gradcheck.errors import did_you_mean

TENSOR_FILE = re.compile(r".*\.(npy|npz|csv|tsv|txt|safetensors|mat)(\.gz)?(:.+)?", re.DOTALL | re.IGNORECASE)
"""Names of files with a tensor; what is called .json could be any value."""


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
        if TENSOR_FILE.fullmatch(value):
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


class ByName(Guarded):
    """A command that takes tensors as --arg NAME=TENSOR, and says so where one is given as --NAME TENSOR."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; raises a usage error that says how to write an option that is none."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name, value = _given(error.option_name, given)
            if not name.isidentifier() or not value:
                raise
            known = [long for parameter in self.params for long in parameter.opts]
            near = did_you_mean(error.option_name, known, most=1)
            raise click.UsageError(
                f"No such option: {error.option_name}. {near}A tensor for the parameter {name} is "
                f"--arg {name}={value}, what is not differentiated --const {name}=JSON.",
                ctx,
            ) from error


def _given(option: str, given: list[str]) -> tuple[str, str]:
    """The name of an option without hyphens, and its value, which may be the next word; empty for none."""
    for place, word in enumerate(given):
        name, equals, value = word.partition("=")
        if name == option:
            following = given[place + 1] if place + 1 < len(given) else ""
            return option.lstrip("-"), value if equals else following if following[:2] != "--" else ""
    return "", ""
