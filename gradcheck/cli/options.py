"""The options that commands share, each also an environment variable GRADCHECK_…."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import click

from gradcheck.settings import RTOL, Budget, Execution, Method, Mode, Settings, read_memory

Command = TypeVar("Command", bound=Callable[..., Any])

DTYPES = ("auto", "float16", "bfloat16", "float32", "float64")
TENSOR = "TENSOR"


class Format(Enum):
    """Forms that a report can be written in."""

    TABLE = "table"
    JSON = "json"


class Positive(click.ParamType[float]):
    """A finite number ≥ 0, or > 0 where `zero` is not allowed."""

    name = "number"

    def __init__(self, zero: bool) -> None:
        self.zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error that states the rule."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0 or (number == 0 and not self.zero):
            self.fail(f"{value!r} is no finite number {'≥' if self.zero else '>'} 0.", param, ctx)
        return number


class Read(click.ParamType[Any]):
    """What a function reads from text; its ValueError states the rule."""

    def __init__(self, read: Callable[[str], Any], name: str) -> None:
        self.read, self.name = read, name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, or a usage error that states the rule."""
        if not isinstance(value, str):
            return value
        try:
            return self.read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Names(click.ParamType[tuple[str, ...]]):
    """Names separated by commas."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names in the order given."""
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(",") if name.strip())
        if not names:
            self.fail("name at least one input, such as x or x,w.", param, ctx)
        return names


@dataclass(frozen=True)
class Common:
    """What every check can be told; see `common` for the meaning of each."""

    wrt: tuple[str, ...] | None
    upstream: str | None
    dtype: str
    rtol: float
    atol: float
    step: float | None
    seed: int
    limit: int
    format: str
    output: Path | None
    save: Path | None
    quiet: bool
    strict: bool
    allow_nondeterministic: float
    method: str
    order: int
    mode: str
    execution: tuple[str, ...]
    device: str | None
    check_pfor: bool
    budget: Budget | None
    memory: int | None
    traceback: bool

    @staticmethod
    def take(values: dict[str, Any]) -> Common:
        """Take the shared options out of a command's arguments; the command's own stay in `values`."""
        return Common(**{field.name: values.pop(field.name) for field in fields(Common)})

    @property
    def settings(self) -> Settings:
        """What the check itself needs to know."""
        return Settings(
            rtol=self.rtol,
            atol=self.atol,
            step=self.step,
            seed=self.seed,
            wrt=self.wrt,
            strict=self.strict,
            allow_nondeterministic=self.allow_nondeterministic,
            method=Method(self.method),
            order=self.order,
            mode=Mode(self.mode),
            execution=tuple(Execution(name) for name in self.execution),
            device=self.device,
            check_pfor=self.check_pfor,
            budget=self.budget,
            memory=self.memory,
        )


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """A Click option that also reads GRADCHECK_<its long name>."""
    variable = "GRADCHECK_" + names[-1].removeprefix("--").upper().replace("-", "_")
    return click.option(*names, envvar=variable, show_envvar=False, **settings)


def argument(name: str, **settings: Any) -> Callable[[Command], Command]:
    """A Click argument: what is to be checked."""
    return click.argument(name, **settings)


def tensor(name: str, text: str, required: bool = True) -> Callable[[Command], Command]:
    """An option that takes a TENSOR."""
    return option(f"--{name}", metavar=TENSOR, required=required, help=text)


def common(command: Command) -> Command:
    """Add the options of every check."""
    for decorate in reversed(_COMMON):
        command = decorate(command)
    return command


_FILE = click.Path(dir_okay=False, path_type=Path)

_COMMON: tuple[Callable[[Any], Any], ...] = (
    option("--wrt", type=Names(), help="Inputs to differentiate, such as x,w.  [default: all]"),
    option(
        "--upstream", metavar=TENSOR, help="Upstream gradient, in the shape of the output.  [default: ones]"
    ),
    option(
        "--dtype", type=click.Choice(DTYPES), default="auto", show_default=True, help="Dtype of the tensors."
    ),
    option("--rtol", type=Positive(True), default=RTOL, show_default=True, help="Tolerance as a share of S."),
    option("--atol", type=Positive(True), default=0.0, show_default=True, help="Tolerance added to that."),
    option(
        "--step", type=Positive(False), help="First step, relative to max(|x|, rms x).  [default: by dtype]"
    ),
    option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Same seed, same report."),
    option(
        "--limit",
        type=click.IntRange(0),
        default=20,
        show_default=True,
        help="Rows of elements shown per variable; 0 for all.",
    ),
    option(
        "--format",
        type=click.Choice([form.value for form in Format]),
        default=Format.TABLE.value,
        show_default=True,
        help="Form of the report.",
    ),
    option("--output", type=_FILE, help="Write the report to this file, not to standard output."),
    option("--save", type=_FILE, metavar="FILE.npz", help="Also save the full arrays."),
    option("--quiet", is_flag=True, help="Nothing but the exit code."),
    option("--strict", is_flag=True, help="Count kinks as failures."),
    option(
        "--allow-nondeterministic",
        type=Positive(True),
        default=0.0,
        metavar="NOISE",
        help="Largest difference of two evaluations at one point to take as noise.",
    ),
    option(
        "--method",
        type=click.Choice([method.value for method in Method]),
        default=Method.AUTO.value,
        show_default=True,
        help="elementwise perturbs one element at a time: slow.",
    ),
    option(
        "--order",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Also check gradients of gradients, up to this order.",
    ),
    option(
        "--mode",
        type=click.Choice([mode.value for mode in Mode]),
        default=Mode.REVERSE.value,
        show_default=True,
        help="reverse is the tape, forward tf.autodiff.ForwardAccumulator.",
    ),
    option(
        "--execution",
        type=click.Choice([execution.value for execution in Execution]),
        multiple=True,
        help="Also hold the tape of a graph, or compiled with XLA, against the eager one; repeatable.",
    ),
    option("--device", metavar="NAME", help="Run on this device, such as CPU:0 or GPU:0."),
    option("--check-pfor", is_flag=True, help="Also hold Jacobians by pfor against those by a loop."),
    option(
        "--budget",
        type=Read(Budget.of, "budget"),
        metavar="60s|5000",
        help="Seconds or evaluations; where that is too little, a sample is checked.  [default: no limit]",
    ),
    option(
        "--memory",
        type=Read(read_memory, "memory"),
        metavar="2GiB",
        help="What a batch of evaluations may hold.  [default: half of what is free]",
    ),
    option("--traceback", is_flag=True, help="Show where an error happened."),
)
