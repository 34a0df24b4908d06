"""The settings of a check, and the tolerances that follow from a precision."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from numbers import Integral, Real

from gradcheck.errors import SettingError

# How far tape and difference may be apart, as a share of the size S of an element's contributions,
# when both are computed in float64. Differences reach 1e-10 there, so that 1e-6 leaves four digits
# for conditioning and still sees an error in the sixth digit of a gradient.
RTOL = 1e-6


class Method(Enum):
    """How input elements are put into groups that are perturbed together."""

    AUTO = "auto"
    ELEMENTWISE = "elementwise"


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


@dataclass(frozen=True)
class Budget:
    """What a check may cost: evaluations of the function, or seconds."""

    amount: float
    unit: str
    """`s` for seconds, else evaluations."""

    @staticmethod
    def of(text: str) -> Budget:
        """Read `60s` or `5000`; ValueError states the rule."""
        number, unit = (text[:-1], "s") if text.endswith("s") else (text, "")
        try:
            amount = float(number)
        except ValueError:
            amount = 0.0
        if not 0 < amount < float("inf"):
            raise ValueError(
                f"{text!r} is no budget: give seconds, such as 60s, or evaluations, such as 5000."
            )
        return Budget(amount, unit)

    @staticmethod
    def given(value: Budget | str | float | None) -> Budget | None:
        """A budget as users write it: text, a number of evaluations, or None for no limit."""
        return value if value is None or isinstance(value, Budget) else Budget.of(str(value))

    def share(self, evaluations: float, seconds: float) -> float:
        """The share of a check that the budget pays for, by its estimate."""
        return self.amount / max(seconds if self.unit == "s" else evaluations, 1e-9)

    @property
    def in_words(self) -> str:
        """For a sentence."""
        return str(self) if self.unit else f"{self.amount:,g} evaluations"

    def __str__(self) -> str:
        return f"{self.amount:g}{self.unit}"


UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def read_memory(text: str) -> int:
    """Bytes from `2GiB`, `500MB`, `4G` or plain bytes; ValueError states the rule."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    amount = float(found[1]) * UNITS[found[2].upper()] if found else 0.0
    if amount < 1:
        raise ValueError(f"{text!r} is no amount of memory: give bytes, or such as 500MB or 2GiB.")
    return int(amount)


def _is_finite(value: object) -> bool:
    """Whether it is a number, and neither NaN nor infinite."""
    return isinstance(value, Real) and math.isfinite(value)


@dataclass(frozen=True)
class Settings:
    """Everything a user can set about one check; the defaults are those of the command line."""

    rtol: float = RTOL
    """Tolerance as a share of S, the sum of the sizes of an element's contributions."""
    atol: float = 0.0
    """Tolerance added to that; 0 keeps tiny gradients honest."""
    step: float | None = None
    """First step relative to max(|x_j|, rms(x)); None takes cbrt(eps) of the working precision."""
    seed: int = 0
    """Seed of cotangents, directions and step sizes: the same seed gives the same report."""
    wrt: tuple[str, ...] | None = None
    """Names of the inputs to differentiate; None for every floating input."""
    strict: bool = False
    """Count kinks as failures."""
    allow_nondeterministic: float = 0.0
    """Largest difference between two evaluations at one point that is taken as noise."""
    method: Method = Method.AUTO
    """`elementwise` perturbs one element at a time: slow, and the oracle of the other."""
    budget: Budget | None = None
    """What the check may cost; where that is too little, a sample of elements is checked one by one."""
    memory: int | None = None
    """Bytes that one batch of evaluations may hold; None for half of what is free."""
    order: int = 1
    """Gradients of gradients up to this order; each is held against differences of the one before."""
    mode: Mode = Mode.REVERSE
    """Which directions of differentiation are checked."""
    execution: tuple[Execution, ...] = ()
    """Executions whose tape gradients are held against the eager one, and against each other."""
    device: str | None = None
    """Device that everything runs on, such as `CPU:0`; None leaves it to TensorFlow."""
    check_pfor: bool = False
    """Whether Jacobians by pfor are held against those by a loop."""

    def __post_init__(self) -> None:
        """Refuse what no check can run with; NaN would decide comparisons."""
        for name, value in (
            ("rtol", self.rtol),
            ("atol", self.atol),
            ("allow_nondeterministic", self.allow_nondeterministic),
        ):
            if not _is_finite(value) or value < 0:
                raise SettingError(f"`{name}` is {value!r}.", "Give a finite number ≥ 0.")
        if self.step is not None and not (_is_finite(self.step) and self.step > 0):
            raise SettingError(f"`step` is {self.step!r}.", "Give a finite number > 0.")
        if not isinstance(self.seed, Integral) or self.seed < 0:
            raise SettingError(f"`seed` is {self.seed!r}.", "Give an integer ≥ 0.")
        if self.device is not None and not isinstance(self.device, str):
            raise SettingError(f"`device` is {self.device!r}.", "Name one, such as CPU:0.")
        if self.wrt is not None and not self.wrt:
            raise SettingError("`wrt` names no input.", "Name at least one, or leave it out for all.")

    def to_dict(self) -> dict[str, object]:
        """The settings as plain values, for JSON."""
        return {
            "rtol": self.rtol,
            "atol": self.atol,
            "step": self.step,
            "seed": self.seed,
            "wrt": None if self.wrt is None else list(self.wrt),
            "strict": self.strict,
            "allow_nondeterministic": self.allow_nondeterministic,
            "method": self.method.value,
            "budget": None if self.budget is None else str(self.budget),
            "memory": self.memory,
            "order": self.order,
            "mode": self.mode.value,
            "execution": [execution.value for execution in self.execution],
            "device": self.device,
            "check_pfor": self.check_pfor,
        }
