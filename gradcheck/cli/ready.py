"""The commands for layers that gradcheck knows by heart."""

from collections.abc import Mapping
from typing import Any

import click

from gradcheck.cli.group import CODES, main
from gradcheck.cli.options import Check, Command, Common, common, option, tensor, with_options
from gradcheck.cli.tensors import arrays, build, read
from gradcheck.targets.pooling import DATA_FORMATS, PADDINGS


@main.command(epilog=CODES)
@tensor("x", "Input, of shape (…, d_in).")
@tensor("w", "Weights, of shape (d_in, units).")
@tensor("b", "Bias, of shape (units,).", required=False)
@option("--activation", default="linear", metavar="NAME", help="A Keras activation.")
@common
def dense(options: Common, activation: str, **texts: str | None) -> Check:
    """Check a dense layer, y = activation(x · w + b)."""
    return _check("dense", texts, {"activation": activation}, options)


def pooling(command: Command) -> Command:
    """Add the options of a pooling layer."""
    return with_options(
        command,
        tensor("x", "Input, of shape (batch, steps, channels)."),
        option("--pool-size", type=click.IntRange(1), default=2, help="Window length."),
        option("--strides", type=click.IntRange(1), help="Distance of the windows.  [default: pool size]"),
        option("--padding", type=click.Choice(PADDINGS), default="valid"),
        option(
            "--data-format",
            type=click.Choice(DATA_FORMATS),
            default="channels_last",
            help="channels_first: x is (batch, channels, steps).",
        ),
    )


@main.command(epilog=CODES)
@pooling
@common
def maxpool1d(options: Common, x: str, **window: Any) -> Check:
    """Check max pooling over windows of a sequence."""
    return _check("maxpool1d", {"x": x}, window, options)


@main.command(epilog=CODES)
@pooling
@common
def avgpool1d(options: Common, x: str, **window: Any) -> Check:
    """Check average pooling over windows of a sequence."""
    return _check("avgpool1d", {"x": x}, window, options)


def _check(layer: str, texts: Mapping[str, str | None], others: Mapping[str, Any], options: Common) -> Check:
    from gradcheck.targets.spec import ReadySpec

    tensors = read(texts, options)
    spec = ReadySpec(layer=layer, tensors=arrays(tensors), options=others)
    return Check(build(spec, tensors, options).target, options)
