"""The command for a function of the user's own."""

from __future__ import annotations

from typing import Any

from gradcheck.cli.arguments import Assignment, once_each
from gradcheck.cli.document import aside, conclude, read
from gradcheck.cli.group import CODES, TENSORS, guarded, main
from gradcheck.cli.options import Common, argument, common, option
from gradcheck.errors import ExitCode

EXAMPLES = """\b
Examples:
  gradcheck function ops.py:my_gelu --arg x=normal:8x4
  gradcheck function ops.py:attend --arg q=q.npy --arg k=k.npy --const axis=-1"""


@main.command(epilog=f"{TENSORS}\n\n{EXAMPLES}\n\n{CODES}")
@argument("function", metavar="FILE.py:NAME")
@option(
    "--arg",
    type=Assignment(is_json=False),
    multiple=True,
    callback=once_each,
    metavar="NAME=TENSOR",
    help="Tensor for a parameter of the function; repeat it.",
)
@option(
    "--const",
    type=Assignment(is_json=True),
    multiple=True,
    callback=once_each,
    metavar="NAME=JSON",
    help="Argument that is not differentiated, such as axis=-1; repeat it.",
)
@common
@guarded
def function(function: str, arg: dict[str, str], const: dict[str, Any], **values: Any) -> ExitCode:
    """Check a function of your own.

    FILE.py:NAME or package.module:NAME is a function that takes tensors and returns tensors, also under
    tf.custom_gradient or tf.function, or an object with __call__. The file is imported, which runs it.
    """
    from gradcheck.runtime import load_tensorflow

    options = Common.take(values)
    labels = {name: f"--arg {name}" for name in arg}
    tensors = read(dict(arg), options, labels, integers="files")
    load_tensorflow()
    from gradcheck.targets.function import target
    from gradcheck.targets.source import load_callable

    with aside():
        found = load_callable(function)
    name = function.rpartition(":")[2]
    return conclude(target(found, tensors, const, name=name, names_must_match=True), options)
