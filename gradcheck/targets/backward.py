"""A backward function of the user, and the call of it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradcheck.errors import TargetError
from gradcheck.targets.arguments import Argument, Constant, Role, arguments
from gradcheck.targets.structure import Template, copied, filled


@dataclass(frozen=True)
class Backward:
    """A function that returns gradients, and its arguments."""

    function: Callable[..., Any]
    name: str
    arguments: Mapping[str, Argument]
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
        """`parts` are the arguments of the forward function by its parameters.

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
        found = arguments(name, single, parts, inputs, constants)
        places = [p.name for p in single if p.kind is not p.KEYWORD_ONLY]
        positional = next((at for at, key in enumerate(places) if key not in found), len(places))
        return cls(function, name, found, positional)

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

        def given(argument: Argument) -> Any:
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


def name_of(function: Callable[..., Any]) -> str:
    """What a function is called in sentences."""
    return str(getattr(function, "__name__", type(function).__name__))
