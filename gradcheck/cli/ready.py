"""The commands for layers that gradcheck knows by heart, and the demo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from gradcheck.cli.document import conclude, read, terminal, write_out
from gradcheck.cli.group import CODES, guarded, main
from gradcheck.cli.options import Common, common, option, tensor
from gradcheck.errors import ExitCode


@main.command(epilog=CODES)
@tensor("x", "Input, of shape (…, d_in).")
@tensor("w", "Weights, of shape (d_in, units).")
@tensor("b", "Bias, of shape (units,).", required=False)
@option("--activation", default="linear", show_default=True, metavar="NAME", help="A Keras activation.")
@common
@guarded
def dense(x: str, w: str, b: str | None, activation: str, **values: Any) -> ExitCode:
    """Check a dense layer, y = activation(x · w + b)."""
    from gradcheck.targets import dense as layer

    options = Common.take(values)
    tensors = read({"x": x, "w": w, "b": b}, options)
    return conclude(layer.dense(tensors["x"], tensors["w"], tensors.get("b"), activation), options)


def pooling(command: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Add the options of a pooling layer."""
    for decorate in reversed(
        (
            tensor("x", "Input, of shape (batch, steps, channels)."),
            option(
                "--pool-size", type=click.IntRange(1), default=2, show_default=True, help="Window length."
            ),
            option(
                "--strides", type=click.IntRange(1), help="Distance of the windows.  [default: pool size]"
            ),
            option("--padding", type=click.Choice(["valid", "same"]), default="valid", show_default=True),
            option(
                "--data-format",
                type=click.Choice(["channels_last", "channels_first"]),
                default="channels_last",
                show_default=True,
                help="channels_first: x is (batch, channels, steps).",
            ),
        )
    ):
        command = decorate(command)
    return command


@main.command(epilog=CODES)
@pooling
@common
@guarded
def maxpool1d(**values: Any) -> ExitCode:
    """Check max pooling over windows of a sequence."""
    from gradcheck.targets.pooling import maxpool1d as target

    options = Common.take(values)
    tensors = read({"x": values.pop("x")}, options)
    return conclude(target(tensors["x"], **values), options)


@main.command(epilog=CODES)
@pooling
@common
@guarded
def avgpool1d(**values: Any) -> ExitCode:
    """Check average pooling over windows of a sequence."""
    from gradcheck.targets.pooling import avgpool1d as target

    options = Common.take(values)
    tensors = read({"x": values.pop("x")}, options)
    return conclude(target(tensors["x"], **values), options)


@main.command(epilog=CODES)
@option("--traceback", is_flag=True, help="Show where an error happened.")
@guarded
def demo(traceback: bool) -> ExitCode:
    """Check built-in examples against the known answers: no file needed."""
    from gradcheck.cli.demo import run

    color, width = terminal()
    text, code = run(width if color is not None else None, bool(color))
    write_out(text)
    return code
