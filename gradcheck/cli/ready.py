"""The commands for layers that gradcheck knows by heart."""

import functools
from collections.abc import Mapping
from typing import Any

import click

from gradcheck.cli.completion import activations
from gradcheck.cli.group import main
from gradcheck.cli.help import Command, option, with_options
from gradcheck.cli.options import Check, Common, common, tensor
from gradcheck.cli.tensors import arrays, build, read
from gradcheck.option import Section
from gradcheck.targets.pooling import DATA_FORMATS, PADDINGS

DENSE = (
    "gradcheck dense --x x.npy --w w.npy --activation tanh",
    "gradcheck dense --x normal:8x4 --w normal:4x3 --b '[0.1,0.2,0.3]'",
)
POOLING = (
    "gradcheck {} --x normal:2x12x5 --pool-size 3 --strides 2 --padding same",
    "gradcheck {} --x '[[[2.0],[2.0],[1.0]]]' --pool-size 3",
)

_about = functools.partial(option, section=Section.CHECKS)


@main.command(examples=DENSE)
@tensor("x", "Input, of shape (…, d_in).")
@tensor("w", "Weights, of shape (d_in, units).")
@tensor("b", "Bias, of shape (units,).", required=False)
@_about(
    "--activation",
    default="linear",
    metavar="NAME",
    help="A Keras activation, such as relu.",
    shell_complete=activations,
)
@common
def dense(options: Common, activation: str, **texts: str | None) -> Check:
    """Check a dense layer, y = activation(x · w + b)."""
    return _check("dense", texts, {"activation": activation}, options)


def pooling(command: Command) -> Command:
    """Add the options of a pooling layer."""
    return with_options(
        command,
        tensor("x", "Input, of shape (batch, steps, channels)."),
        _about("--pool-size", type=click.IntRange(1), default=2, metavar="N", help="Window length."),
        _about(
            "--strides",
            type=click.IntRange(1),
            metavar="N",
            help="Distance of the windows.  [default: pool size]",
        ),
        _about(
            "--padding",
            type=click.Choice(PADDINGS),
            default="valid",
            help="valid: whole windows only; same: padded.",
        ),
        _about(
            "--data-format",
            type=click.Choice(DATA_FORMATS),
            default="channels_last",
            help="channels_first: x is (batch, channels, steps).",
        ),
    )


@main.command(examples=[example.format("maxpool1d") for example in POOLING])
@pooling
@common
def maxpool1d(options: Common, x: str, **window: Any) -> Check:
    """Check max pooling over windows of a sequence."""
    return _check("maxpool1d", {"x": x}, window, options)


@main.command(examples=[example.format("avgpool1d") for example in POOLING])
@pooling
@common
def avgpool1d(options: Common, x: str, **window: Any) -> Check:
    """Check average pooling over windows of a sequence."""
    return _check("avgpool1d", {"x": x}, window, options)


def _check(layer: str, texts: Mapping[str, str | None], others: Mapping[str, Any], options: Common) -> Check:
    from gradcheck.targets.spec import ReadySpec

    tensors = read(texts, options)
    spec = ReadySpec(layer=layer, tensors=arrays(tensors), options=others)
    return Check(build(spec, tensors, options).target, spec, options)
