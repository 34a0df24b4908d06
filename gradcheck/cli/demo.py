"""The command demo: gradients that are known, one wrong on purpose, each checked beside the answer."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.checking import Report, check_target
from gradcheck.cli.group import main, terminal, write_out
from gradcheck.cli.help import option
from gradcheck.cli.options import TRACEBACK
from gradcheck.errors import ExitCode
from gradcheck.settings import Settings
from gradcheck.targets.function import Target

SEQUENCE = [[[1, 3, 4, 2, 5, 2], [4, 2, 5, 6, 8, 3], [5, 3, 7, 8, 9, 3]]]
NEXT = (
    "gradcheck demo --verbose shows every table; gradcheck dense --help tells how to check your own tensors"
)
TIE = (
    "at 3 2 3 and 2 3 3 the maximum is there twice: a corner, where the difference is the mean of both "
    "slopes and the tape's choice is a valid one"
)


@dataclass(frozen=True)
class Example:
    """A target and the gradients that a textbook gives."""

    says: str
    """The formula, and the point."""
    target: Target
    answers: dict[str, Any]
    lesson: str = ""
    """What there is to learn."""
    wrong: bool = False
    """Whether its backward pass is wrong on purpose."""

    def ended(self, report: Report) -> bool:
        """Whether a check came out as it has to: known answers met, and a wrong gradient caught."""
        for variable in report.variables:
            found = variable.difference if self.wrong else variable.tape
            if not np.allclose(found, self.answers[variable.name], rtol=1e-6, atol=0.0):
                return False
        return report.exit_code is (ExitCode.FAIL if self.wrong else ExitCode.PASS)


@main.command(examples=["gradcheck demo"])
@option("--verbose", is_flag=True, help="Show the whole report of each example.")
@TRACEBACK
def demo(verbose: bool, traceback: bool) -> ExitCode:
    """Check built-in examples against known answers, one of them wrong on purpose: no file needed."""
    text, code = run(*terminal(), verbose=verbose)
    write_out(text)
    return code


def run(width: int | None, color: bool, *, verbose: bool = False) -> tuple[str, ExitCode]:
    """Check every example; the text to print, for a terminal of `width` or a pipe, and the exit code."""
    from gradcheck.render.examples import Shown, screen

    found = [(example, check_target(example.target, Settings())) for example in _examples()]
    shown = [
        Shown(example.says, report, example.answers, example.lesson, example.ended(report))
        for example, report in found
    ]
    parts = [_report(number, *pair, width, color) for number, pair in enumerate(found, start=1) if verbose]
    parts.append(screen(shown, f"{_closing(shown)}\n{NEXT}", width, color))
    right = all(one.ended for one in shown)
    return "\n".join(parts), ExitCode.PASS if right else ExitCode.FAIL


def _closing(shown: Sequence[Any]) -> str:
    missed = [one.name for one in shown if not one.ended]
    if missed:
        return f"not as known: {', '.join(missed)}"
    return "right gradients meet their known answers, and the one that is wrong on purpose is caught"


def _report(number: int, example: Example, report: Report, width: int | None, color: bool) -> str:
    """The report of one example, below what it is about."""
    from gradcheck.render.table import to_terminal

    answers = "; ".join(f"d/d{name} = {_written(value)}" for name, value in example.answers.items())
    text = to_terminal(report, None if width is None else width - 3, color)
    return f"{number}. {example.says}\n   known answer: {answers}\n\n{textwrap.indent(text, '   ')}"


def _examples() -> list[Example]:
    from gradcheck.targets.dense import dense
    from gradcheck.targets.pooling import avgpool1d, maxpool1d

    x = np.array([[1, 1], [2, 2]], np.float32)
    w = np.array([[2], [3]], np.float32)
    sequence = np.array(SEQUENCE, np.float32)
    steps = np.array([1, 2, 5], np.float32)
    return [
        Example("y = x² at 3", _scalar("square", "x", 3.0, lambda x: x * x), {"x": 6.0}),
        Example("y = w³ at 5", _scalar("cube", "w", 5.0, lambda w: w * w * w), {"w": 75.0}),
        Example("y = d(x²)/dx at 5", _scalar("gradient of square", "x", 5.0, _slope_of_square), {"x": 2.0}),
        Example("dense: y = x · w", dense(x, w), {"x": [[2, 3], [2, 3]], "w": [[3], [3]]}),
        Example(
            "max pooling",
            maxpool1d(sequence, pool_size=3, strides=1),
            {"x": [[[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [1, 0, 1, 1, 1, 0]]]},
            TIE,
        ),
        Example(
            "average pooling",
            avgpool1d(sequence, pool_size=3, strides=1),
            {"x": np.full((1, 3, 6), 1 / 3)},
        ),
        Example(
            "wrong w³",
            Target("wrong cube", _wrong_cube, {"w": steps}),
            {"w": 3 * steps**2},
            "its backward pass says 2w², on purpose:",
            wrong=True,
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


def _wrong_cube(w: Any) -> Any:
    import tensorflow as tf

    graded: Callable[[Any], Any] = tf.custom_gradient(lambda w: (w * w * w, lambda r: r * 2 * w * w))
    return graded(w)


def _written(value: Any) -> str:
    rows = np.asarray(value, np.float64)
    return (
        f"{rows:g}" if rows.ndim == 0 else np.array2string(rows, precision=4, separator=",").replace("\n", "")
    )
