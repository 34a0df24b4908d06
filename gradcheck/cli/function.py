"""The command for a function of the user's own."""

from __future__ import annotations

from typing import Any

import click

from gradcheck.cli.arguments import json_assignment, once_each, tensor_assignment
from gradcheck.cli.group import CODES, TENSORS, main
from gradcheck.cli.options import Check, Common, common, option
from gradcheck.cli.tensors import arrays, build, read

EXAMPLES = """\b
Examples:
  gradcheck function ops.py:my_gelu --arg x=normal:8x4
  gradcheck function ops.py:attend --arg q=q.npy --arg k=k.npy --const axis=-1"""


@main.command(epilog=f"{TENSORS}\n\n{EXAMPLES}\n\n{CODES}")
@click.argument("function", metavar="FILE.py:NAME")
@option(
    "--arg",
    type=tensor_assignment,
    multiple=True,
    callback=once_each,
    metavar="NAME=TENSOR",
    help="Tensor for a parameter of the function; repeat it.",
)
@option(
    "--const",
    type=json_assignment,
    multiple=True,
    callback=once_each,
    metavar="NAME=JSON",
    help="Argument that is not differentiated, such as axis=-1; repeat it.",
)
@common
def function(options: Common, function: str, arg: dict[str, str], const: dict[str, Any]) -> Check:
    """Check a function of your own.

    FILE.py:NAME or package.module:NAME is a function that takes tensors and returns tensors, also under
    tf.custom_gradient or tf.function, or an object with __call__. The file is imported, which runs it.
    """
    from gradcheck.targets.spec import FunctionSpec

    labels = {name: f"--arg {name}" for name in arg}
    tensors = read(arg, options, labels, keep_integers=True)
    spec = FunctionSpec(function=function, tensors=arrays(tensors), constants=const)
    return Check(build(spec, tensors, options).target, options)
