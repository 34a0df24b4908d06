"""A backward function of the user: what each of its parameters gets, and the call.

A parameter takes what has its name: an argument of the forward function or one of the inputs, a constant,
the upstream gradient (`upstream` and the other `UPSTREAM`), or what the forward function has kept (`cache`).
Parameters of other names take the arguments of the forward function in their order, and one more at the end
takes the upstream gradient.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from gradcheck.errors import TargetError
from gradcheck.targets.structure import Template, copied, filled

UPSTREAM = ("upstream", "dout", "dy", "grad_output")
"""Names of a parameter that takes the upstream gradient, unless an input has that name."""
CACHE = "cache"


class Role(Enum):
    """What a parameter can get besides arguments of the forward function and constants."""

    UPSTREAM = "the upstream gradient"
    CACHE = "what the forward function has kept"


@dataclass(frozen=True)
class Constant:
    """An argument that is passed as it is."""

    value: Any


@dataclass(frozen=True)
class Backward:
    """A function that returns gradients, and its arguments."""

    function: Callable[..., Any]
    name: str
    arguments: Mapping[str, Template | Role | Constant]
    """By parameter, in their order; a keyword where one before it gets nothing."""
    positional: int
    """How many of them are passed by position."""
    takes_any: bool = False
    """Whether it takes any arguments: then the upstream gradient comes last, where one is needed."""

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        parts: Mapping[str, Template],
        inputs: Mapping[str, Template],
        constants: Mapping[str, Any],
    ) -> "Backward":
        """`parts` are the arguments of the forward function.

        Raises `TargetError` if a parameter without a default gets nothing.
        """
        name = name_of(function)
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # written in C, without a signature
            return cls(function, name, parts, len(parts), takes_any=True)
        single = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if not single and any(p.kind is p.VAR_POSITIONAL for p in parameters):
            return cls(function, name, parts, len(parts), takes_any=True)
        known: dict[str, Any] = {**dict.fromkeys(UPSTREAM, Role.UPSTREAM), CACHE: Role.CACHE}
        known |= {key: Constant(value) for key, value in constants.items()} | {**inputs, **parts}
        found = {p.name: known[p.name] for p in single if p.name in known}
        found |= _by_order([p.name for p in single if p.default is p.empty], found, parts, name)
        places = [p.name for p in single if p.kind is not p.KEYWORD_ONLY]
        positional = next((at for at, key in enumerate(places) if key not in found), len(places))
        return cls(function, name, {p.name: found[p.name] for p in single if p.name in found}, positional)

    @property
    def takes_upstream(self) -> bool:
        """Whether it is for any upstream gradient, not for that of a scalar loss, 1."""
        return any(argument is Role.UPSTREAM for argument in self.arguments.values())

    @property
    def takes_cache(self) -> bool:
        """Whether the forward function returns with its output what this one needs."""
        return any(argument is Role.CACHE for argument in self.arguments.values())

    def __call__(self, values: Mapping[str, Any], upstream: Any, cache: Any, *, scalar: bool) -> Any:
        """What the function returns for arrays by path; `scalar`: the output is one number."""

        def given(argument: Template | Role | Constant) -> Any:
            if isinstance(argument, Constant):
                return copied(argument.value)
            if isinstance(argument, Role):
                return upstream if argument is Role.UPSTREAM else cache
            return filled(argument, values)

        if not (self.takes_upstream or self.takes_any or scalar):
            raise TargetError(
                f"{self.name} takes no upstream gradient, which it needs where the output is not one number.",
                "Give it a last parameter `upstream`, in the shape of the output, or return the scalar loss.",
            )
        passed = {key: given(argument) for key, argument in self.arguments.items()}
        last = [upstream] if self.takes_any and not scalar else []
        first = list(passed.values())[: self.positional]
        keywords = dict(list(passed.items())[self.positional :])
        return self.function(*first, *last, **keywords)


def _by_order(
    needed: list[str], found: Mapping[str, Any], parts: Mapping[str, Template], name: str
) -> dict[str, Any]:
    """What the parameters that are `needed` and not `found` by name get."""
    free = [key for key in needed if key not in found]
    left: list[Any] = [part for key, part in parts.items() if key not in found]
    if len(free) == len(left) + 1 and not any(argument is Role.UPSTREAM for argument in found.values()):
        left.append(Role.UPSTREAM)
    if free and len(free) != len(left):
        raise TargetError(
            f"{name} needs a value for its parameter {free[0]!r}, which is none of {', '.join(parts)}.",
            "Name its parameters as those of the forward function, and one for the upstream gradient "
            "`upstream`; `cache` is what the forward function returns after its output.",
        )
    return dict(zip(free, left, strict=False))


def name_of(function: Callable[..., Any]) -> str:
    """What a function is called in sentences."""
    return str(getattr(function, "__name__", type(function).__name__))
