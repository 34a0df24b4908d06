"""The settings of a check: one field of `Settings` each.

From a field and its `Option` follow the parameter of `check` and its documentation, the option of the command
line, its environment variable, and the entry in JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from gradcheck.amounts import Budget, read_memory
from gradcheck.option import (
    Amount,
    Device,
    Flag,
    Names,
    Number,
    Option,
    Options,
    Section,
    Whole,
    Word,
    Words,
    setting,
)

# How far tape and difference may be apart, as a share of the size S of an element's contributions,
# when both are computed in float64. Differences reach 1e-10 there, so that 1e-6 leaves four digits
# for conditioning and still sees an error in the sixth digit of a gradient.
RTOL = 1e-6


class Method(Enum):
    """How the elements of the inputs are moved."""

    AUTO = "auto"
    ELEMENTWISE = "elementwise"
    DIRECTIONS = "directions"


class Mode(Enum):
    """Directions in which TensorFlow differentiates: the tape is reverse, ForwardAccumulator forward."""

    REVERSE = "reverse"
    FORWARD = "forward"
    BOTH = "both"


class Execution(Enum):
    """Ways in which TensorFlow runs the same Python function."""

    EAGER = "eager"
    GRAPH = "graph"
    XLA = "xla"


ORDERS = 8
"""The highest order: each takes two to five times as long as the last, order 6 of tanh(x sin x) 20 s."""


@dataclass(frozen=True)
class Settings(Options):
    """Everything a user can set about one check."""

    rtol: float = setting(
        RTOL,
        Number(zero=True),
        "Tolerance as a share of S.",
        "An element's tape and difference agree within atol + rtol·S, with S = Σ |r_i| |∂f_i/∂x_j| the sum "
        "of the sizes of its contributions.",
        section=Section.TOLERANCE,
    )
    atol: float = setting(
        0.0,
        Number(zero=True),
        "Tolerance added to that.",
        "Tolerance added to rtol·S, in the unit of the gradient; 0 keeps tiny gradients honest.",
        section=Section.TOLERANCE,
    )
    step: float | None = setting(
        None,
        Number(zero=False),
        "First step, relative to max(|x|, rms x).",
        "First step relative to max(|x_j|, rms(x)); the default, cbrt(eps), follows from the precision.",
        shown="by dtype",
    )
    seed: int = setting(
        0,
        Whole(0, "Give an integer ≥ 0."),
        "Same seed, same report.",
        "Seed of the random upstream gradients, directions and steps: the same seed gives the same report.",
    )
    wrt: tuple[str, ...] | None = setting(
        None,
        Names(),
        "Inputs to differentiate, such as x,w.",
        "Names of the inputs to differentiate, by default all floating ones.",
        shown="all",
    )
    strict: bool = setting(
        False,
        Flag(),
        "Count kinks as failures.",
        "Count kinks, where only subgradients exist and the tape gave a valid one, as failures.",
        section=Section.TOLERANCE,
    )
    allow_nondeterministic: float = setting(
        0.0,
        Number(zero=True),
        "Largest difference of two evaluations at one point to take as noise.",
        "Largest difference between two evaluations at one point that is taken as noise.",
        metavar="NOISE",
        shown="",
        section=Section.TOLERANCE,
    )
    method: Method = setting(
        "auto",
        Word(Method),
        "elementwise moves each element, directions all at once; auto counts what is due.",
        "`elementwise` moves one element at a time: slow, and without any assumption. `directions` moves all "
        "elements along signed random directions, and a sample one by one. `auto` moves elements that share "
        "no output together, and goes along directions where that takes more than 4,096 evaluations.",
    )
    budget: Budget | None = setting(
        None,
        Amount(Budget.of),
        "Time or evaluations (e); where that is too little, a sample is checked.",
        'Time (`"60s"`, `"1m"`) or evaluations (`"5000e"`, or the int 5000) for the check. Where that is too '
        "little, there are fewer directions, or only a sample (`Variable.coverage` is its share).",
        metavar="60s|1m|5000e",
        shown="no limit",
        section=Section.LIMITS,
    )
    memory: int | None = setting(
        None,
        Amount(read_memory),
        "What a batch of evaluations may hold.",
        'What a batch of evaluations may hold, in bytes or as text such as `"2GiB"`.',
        metavar="2GiB",
        shown="half of what is free",
        section=Section.LIMITS,
    )
    order: int = setting(
        1,
        Whole(1, "Give 1, 2 or 3.", f", which is no whole number from 1 to {ORDERS}", ORDERS),
        "Also check gradients of gradients, up to this order.",
        "Also check gradients of gradients up to this order, each against differences of the one before. The "
        "report holds the variables of all orders; it stops at the first order that fails.",
    )
    mode: Mode = setting(
        "reverse",
        Word(Mode),
        "reverse is the tape, forward tf.autodiff.ForwardAccumulator.",
        "`reverse` checks the tape, `forward` tf.autodiff.ForwardAccumulator along random directions; that "
        "never looks at a custom gradient that is called eagerly.",
    )
    execution: tuple[Execution, ...] = setting(
        (),
        Words(Execution),
        "Also hold the tape of a graph, or compiled with XLA, against the eager one; repeatable.",
        "Of `eager`, `graph` and `xla`, one or several: hold the tapes of those against one another.",
    )
    device: str | None = setting(
        None,
        Device(),
        "Run on this device, such as CPU:0 or GPU:0.",
        "Device to run on, such as `CPU:0` or `GPU:0`; None leaves it to TensorFlow.",
        section=Section.LIMITS,
    )
    where: bool = setting(
        False,
        Flag(),
        "Also check each custom gradient and layer of your own by itself.",
        "Also check each custom gradient and layer of your own by itself, as where the check fails.",
    )
    check_pfor: bool = setting(
        False,
        Flag(),
        "Also hold Jacobians by pfor against those by a loop.",
        "Also hold `tape.jacobian` and `tape.batch_jacobian` by pfor against those by a loop.",
    )


OPTIONS: dict[str, Option] = Settings.options()
"""What users are told about each setting, by its name."""
DEFAULTS: dict[str, Any] = {entry.name: entry.default for entry in fields(Settings)}
"""The default of each setting as users write it."""
