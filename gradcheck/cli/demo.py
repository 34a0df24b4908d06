"""The command demo: built-in examples whose gradients are known, each checked and shown beside the answer."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.checking import check_target
from gradcheck.cli.group import main, terminal, write_out
from gradcheck.cli.options import TRACEBACK
from gradcheck.errors import ExitCode
from gradcheck.settings import Settings
from gradcheck.targets.function import Target

SEQUENCE = [[[1, 3, 4, 2, 5, 2], [4, 2, 5, 6, 8, 3], [5, 3, 7, 8, 9, 3]]]


@dataclass(frozen=True)
class Example:
    """A target and the gradients that a textbook gives."""

    says: str
    """The formula, its answer, and what there is to learn."""
    target: Target
    answers: dict[str, Any]


@main.command(examples=["gradcheck demo"])
@TRACEBACK
def demo(traceback: bool) -> ExitCode:
    """Check built-in examples against the known answers: no file needed."""
    text, code = run(*terminal())
    write_out(text)
    return code


def run(width: int | None, color: bool) -> tuple[str, ExitCode]:
    """Check every example; the text to print, for a terminal of `width` or a pipe, and the exit code."""
    from gradcheck.render.table import to_terminal

    parts, right = [], True
    for number, example in enumerate(_examples(), start=1):
        report = check_target(example.target, Settings())
        tapes = {variable.name: variable.tape for variable in report.variables}
        met = report.passed and all(
            np.allclose(tapes[name], value, rtol=1e-6, atol=0.0) for name, value in example.answers.items()
        )
        right &= met
        answers = "; ".join(f"d/d{name} = {_written(value)}" for name, value in example.answers.items())
        text = to_terminal(report, width, color)
        parts.append(
            f"{number}. {example.says}\n   known answer: {answers}: "
            f"{'met' if met else 'NOT MET'}\n\n{textwrap.indent(text.rstrip(), '   ')}\n"
        )
    parts.append("All known answers are met.\n" if right else "A known answer is NOT met.\n")
    return "\n".join(parts), ExitCode.PASS if right else ExitCode.FAIL


def _examples() -> list[Example]:
    from gradcheck.targets.dense import dense
    from gradcheck.targets.pooling import avgpool1d, maxpool1d

    x = np.array([[1, 1], [2, 2]], np.float32)
    w = np.array([[2], [3]], np.float32)
    sequence = np.array(SEQUENCE, np.float32)
    return [
        Example("y = x² at x = 3", _scalar("square", "x", 3.0, lambda x: x * x), {"x": 6.0}),
        Example("y = w³ at w = 5", _scalar("cube", "w", 5.0, lambda w: w * w * w), {"w": 75.0}),
        Example(
            "y = d(x²)/dx at x = 5: the gradient of a gradient",
            _scalar("gradient of square", "x", 5.0, _slope_of_square),
            {"x": 2.0},
        ),
        Example("y = x · w, a dense layer", dense(x, w), {"x": [[2, 3], [2, 3]], "w": [[3], [3]]}),
        Example(
            "max pooling over 3 steps: each maximum passes its gradient on. The last channel, 2 3 3, has its "
            "maximum\n   twice, a tie: there is no single derivative, and the tape's choice is a valid one "
            "(so has channel 1, 3 2 3)",
            maxpool1d(sequence, pool_size=3, strides=1),
            {"x": [[[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [1, 0, 1, 1, 1, 0]]]},
        ),
        Example(
            "average pooling over 3 steps: everybody gets a third",
            avgpool1d(sequence, pool_size=3, strides=1),
            {"x": np.full((1, 3, 6), 1 / 3)},
        ),
    ]


def _scalar(name: str, variable: str, at: float, function: Callable[[Any], Any]) -> Target:
    return Target(name, function, {variable: np.array(at, np.float32)})


def _slope_of_square(x: Any) -> Any:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    return tape.gradient(y, x)


def _written(value: Any) -> str:
    rows = np.asarray(value, np.float64)
    return (
        f"{rows:g}" if rows.ndim == 0 else np.array2string(rows, precision=4, separator=",").replace("\n", "")
    )
