"""From the texts on the command line to tensors, and from a specification with them to the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gradcheck.arrays.types import Array, is_floating
from gradcheck.cli.arguments import TensorFile
from gradcheck.cli.given import named_gradients
from gradcheck.cli.group import aside, note
from gradcheck.cli.options import Common
from gradcheck.progress import Stage
from gradcheck.targets.given import with_given

if TYPE_CHECKING:
    from gradcheck.inputs.precision import Reading
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
    own = named_gradients(options.gradient).values()
    if sum(map(_is_standard_input, [*given.values(), *own, options.upstream or ""])) > 1:
        raise click.UsageError("Standard input holds one tensor: give - to one option only.")
    named = {name: (labels or {}).get(name, f"--{name}") for name in given}
    from gradcheck.inputs.tensor import read_tensors

    readings = read_tensors(
        {named[name]: text for name, text in given.items()},
        seed=options.settings.seed,
        dtype=options.dtype,
        keep_integers=keep_integers,
    )
    found = {name: readings[named[name]] for name in given}
    _done_reading(found, options)
    return found


def _done_reading(readings: Mapping[str, Reading], options: Common) -> None:
    if readings:
        told = (f"{name} {array.dtype.name} {array.shape}" for name, array in arrays(readings).items())
        options.progress.stage(Stage.INPUTS, of=", ".join(told))


def read_upstream(options: Common, beside: Mapping[str, Array]) -> Array | None:
    """The upstream gradient, beside the inputs; None if none is given."""
    if options.upstream is None:
        return None
    from gradcheck.inputs.tensor import read_tensor

    dtypes = [array.dtype for array in beside.values()]
    reading = read_tensor(
        options.upstream,
        option="--upstream",
        seed=options.settings.seed,
        dtype=options.dtype,
        beside=dtypes,
    )
    _done_reading({"upstream": reading}, options)
    say({"upstream": reading}, options)
    return reading.array


def _is_standard_input(text: str) -> bool:
    """Whether a TENSOR is read from standard input, by any of its names."""
    return text.partition(":")[0] in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


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
    """Say how text was read, and what was changed on reading, but for some of the tensors."""
    for name, reading in readings.items():
        for line in (reading.form, *(reading.notes if name not in without else ())):
            if line:
                note(line, options.quiet)


def build(spec: TargetSpec, readings: Mapping[str, Reading], options: Common) -> Built:
    """The target of a specification, after what is to be said of its tensors.

    Whole numbers that became floating on reading, and whole again for an embedding, have not changed.
    """
    from gradcheck.inputs.tensor import read_tensor

    unchanged: tuple[str, ...] = ()
    texts = named_gradients(options.gradient)
    # At the dtype that they have: as far as that one rounds, they may be off.
    own = {
        name: read_tensor(text, option=f"--gradient {name}", seed=options.settings.seed)
        for name, text in texts.items()
    }
    _done_reading({f"gradient {name}": reading for name, reading in own.items()}, options)
    try:
        with aside():
            built = spec.build()
        options.progress.stage(Stage.TARGET, of=built.target.name)
        unchanged = tuple(name for name in built.indices if is_floating(readings[name].array.dtype))
    finally:
        say(readings, options, unchanged)
    if not own:
        return built
    say(own, options)
    return replace(built, target=with_given(built.target, arrays(own), options.settings.wrt))
