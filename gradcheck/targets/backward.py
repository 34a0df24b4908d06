"""A backward function of the user, and the call of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.targets.arguments import Argument, Constant, Kept, Named, Upstream
from gradcheck.targets.forward import Output
from gradcheck.targets.structure import copied, filled


@dataclass(frozen=True)
class Backward:
    """A function that returns gradients, and its arguments."""

    function: Callable[..., Any]
    name: str
    arguments: Mapping[str, Argument]
    """By parameter, in their order; a keyword where one before it gets nothing."""
    positional: int
    """How many of them are passed by position."""

    @classmethod
    def of(cls, function: Callable[..., Any], named: Named, output: Output) -> "Backward":
        """Raises `TargetError` if a parameter without a default gets nothing."""
        found = named.completed(output)
        places = enumerate(named.by_position)
        positional = next((at for at, key in places if key not in found), len(named.by_position))
        return cls(function, named.name, found, positional)

    @property
    def takes_upstream(self) -> bool:
        """Whether it is for any upstream gradient, not for that of a scalar loss, 1."""
        return any(isinstance(argument, Upstream) for argument in self.arguments.values())

    def __call__(
        self, values: Mapping[str, Any], output: Output, upstream: Mapping[str, Array | None]
    ) -> Any:
        """What the function returns for arrays by path, at what the forward function returned there."""

        def given(argument: Argument) -> Any:
            if isinstance(argument, Constant):
                return copied(argument.value)
            if isinstance(argument, Kept):
                return output.kept
            if isinstance(argument, Upstream):
                place = argument.place
                return filled(output.template if place is None else output.template[place], upstream)
            return filled(argument, values)

        passed = {key: given(argument) for key, argument in self.arguments.items()}
        keywords = dict(list(passed.items())[self.positional :])
        with np.errstate(all="ignore"):
            return self.function(*list(passed.values())[: self.positional], **keywords)
