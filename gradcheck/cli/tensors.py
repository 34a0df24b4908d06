"""From the texts on the command line to tensors, and from a specification with them to the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gradcheck.arrays.types import Array, is_floating
from gradcheck.cli.arguments import TensorFile
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


def constants(given: Mapping[str, Any], options: Common) -> dict[str, Any]:
    """The constants by name: those in files as they are there, in their own dtype."""
    texts = {name: value.text for name, value in given.items() if isinstance(value, TensorFile)}
    labels = {name: f"--const {name}" for name in texts}
    readings = read(texts, replace(options, dtype="auto"), labels, keep_integers=True)
    whole = tuple(name for name, reading in readings.items() if not is_floating(reading.array.dtype))
    say(readings, options, whole)
    return {**given, **arrays(readings)}


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
