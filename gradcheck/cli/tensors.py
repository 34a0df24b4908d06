"""From texts on the command line to tensors and JSON, and from a specification with them to the target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcheck.arrays.types import Array, is_floating
from gradcheck.cli.group import aside, note
from gradcheck.cli.options import Common

if TYPE_CHECKING:
    from gradcheck.inputs.tensor import Reading
    from gradcheck.targets.spec import Built, TargetSpec


def read(
    texts: Mapping[str, str | None],
    options: Common,
    labels: Mapping[str, str] | None = None,
    keep_integers: bool = False,
) -> dict[str, Reading]:
    """The tensors that are given, by name.

    `labels` are the options by name where they are not --<name>; `keep_integers` keeps those in files.
    """
    given = {name: text for name, text in texts.items() if text is not None}
    if [*given.values(), options.upstream].count("-") > 1:
        raise click.UsageError("Standard input holds one tensor: give - to one option only.")
    labels = labels or {}
    return {
        name: _read(text, labels.get(name, f"--{name}"), options, keep_integers)
        for name, text in given.items()
    }


def read_upstream(options: Common) -> Array | None:
    """The upstream gradient; None if none is given."""
    if options.upstream is None:
        return None
    reading = _read(options.upstream, "--upstream", options)
    say({"upstream": reading}, options)
    return reading.array


def _read(text: str, option: str, options: Common, keep_integers: bool = False) -> Reading:
    from gradcheck.inputs.tensor import read_tensor

    seed = options.settings.seed
    return read_tensor(text, option=option, seed=seed, dtype=options.dtype, keep_integers=keep_integers)


def arrays(readings: Mapping[str, Reading]) -> dict[str, Array]:
    """The arrays by name."""
    return {name: reading.array for name, reading in readings.items()}


def say(readings: Mapping[str, Reading], options: Common, without: tuple[str, ...] = ()) -> None:
    """Say what was changed on reading, but for some of the tensors."""
    for name, reading in readings.items():
        for line in reading.notes if name not in without else ():
            note(line, options.quiet)


def build(spec: TargetSpec, readings: Mapping[str, Reading], options: Common) -> Built:
    """The target of a specification, after what was changed on reading its tensors.

    Whole numbers that became floating on reading, and whole again for an embedding, have not changed.
    """
    unchanged: tuple[str, ...] = ()
    try:
        with aside():
            built = spec.build()
        unchanged = tuple(name for name in built.indices if is_floating(readings[name].array.dtype))
    finally:
        say(readings, options, unchanged)
    return built


def named_tensor(text: str) -> tuple[str, str]:
    """NAME=TENSOR as a name and the text of its tensor."""
    return _assignment(text, "TENSOR")


def named_json(text: str) -> tuple[str, Any]:
    """NAME=JSON as a name and its value."""
    name, value = _assignment(text, "JSON")
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no JSON ({error}): write numbers as 3, lists as [1, 2], true, false or null, "
            "and text in double quotes."
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
