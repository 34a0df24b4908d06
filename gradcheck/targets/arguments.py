"""What each parameter of a backward function gets.

A parameter takes what has its name: an argument of the forward function or one of the inputs, a constant,
what the forward function has kept (`cache`), or the upstream gradient (see `UPSTREAM`). One more is the
upstream gradient where nothing else is left that it could be. Nothing is told by the order but which upstream
gradient is that of which output: an array in the place of another can hide an error as well as make one.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from gradcheck.errors import TargetError
from gradcheck.targets.forward import Output, name_of
from gradcheck.targets.structure import Template, paths

CACHES = ("cache", "caches")
PLAIN = ("upstream", "dout", "dy", "grad_output")
"""Names of the upstream gradient that a parameter with a default may have too; others, such as `dx=0.1`, may
be a step."""
_OUTPUT = "outs?|outputs?|loss|cost|scores?|logits?|probs?|preds?|predictions?|next|activations?"
UPSTREAM = re.compile(
    rf"d_?({_OUTPUT})(_\w+)?"  # dout, d_loss, dnext_h
    r"|d[A-Z]\w*|d(?!t)[a-z]\d?(_\w+)?"  # dZ, dAL, dh, dh_next; dt is a step of time
    rf"|(({_OUTPUT}|upstream|accum)_)?(grads?|gradients?)(_({_OUTPUT}|[a-z]))?"  # grad, grad_output, out_grad
    r"|upstream(_\w+)?"
)
"""Names of an upstream gradient, unless an input or a constant has that name. Words that begin with a d, such
as `data`, `dim` and `decay`, are none."""
SHORT = "g"
"""A usual name of the upstream gradient of a loss, which may be short for something else that is left."""


@dataclass(frozen=True)
class Constant:
    """An argument that is passed as it is."""

    value: Any


@dataclass(frozen=True)
class Kept:
    """What the forward function has kept."""


@dataclass(frozen=True)
class Upstream:
    """An upstream gradient."""

    place: int | None = None
    """Number of the output that it is for; None for all, in their structure."""


Argument: TypeAlias = Template | Constant | Kept | Upstream


@dataclass(frozen=True)
class Named:
    """The parameters of a backward function `name` whose names tell what they get."""

    name: str
    forward: str
    """What the forward function is called."""
    order: tuple[str, ...]
    """All parameters."""
    by_position: tuple[str, ...]
    """Those that are passed by position."""
    found: Mapping[str, Argument]
    unknown: tuple[str, ...]
    """Those without a default whose names tell nothing."""
    left: tuple[str, ...]
    """Arguments of the forward function that no parameter takes."""
    tells: bool = True
    """Whether the function tells its parameters: one that does not is the gradient of a loss, and takes what
    the forward function takes."""

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        forward: str,
        parts: Mapping[str, Template],
        inputs: Mapping[str, Template],
        constants: Mapping[str, Any],
    ) -> Self:
        """`parts` are the arguments of the forward function by its parameters.

        Raises `TargetError` if a name is that of two arguments.
        """
        name, parameters = name_of(function), _parameters(function)
        if parameters is None:
            return cls(name, forward, tuple(parts), tuple(parts), parts, (), (), tells=False)
        known: dict[str, Argument] = {**dict.fromkeys(PLAIN, Upstream()), **dict.fromkeys(CACHES, Kept())}
        known |= {key: Constant(value) for key, value in constants.items()}
        known |= _arguments(name, forward, {p.name for p in parameters}, parts, inputs)
        found = {p.name: known[p.name] for p in parameters if p.name in known}
        free = [p.name for p in parameters if p.default is p.empty and p.name not in known]
        found |= {key: Upstream() for key in free if UPSTREAM.fullmatch(key)}
        taken = {path for key in found.keys() & {*parts, *inputs} for path in paths(found[key])}
        left = [key for key, part in parts.items() if not taken.issuperset(paths(part))]
        return cls(
            name,
            forward,
            tuple(p.name for p in parameters),
            tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY),
            found,
            tuple(key for key in free if key not in found),
            (*left, *(key for key in constants if key not in found)),
        )

    @property
    def takes_cache(self) -> bool:
        """Whether the forward function returns after its output what this one needs."""
        return any(isinstance(argument, Kept) for argument in self.found.values())

    @property
    def upstream(self) -> tuple[str, ...]:
        """The parameters for upstream gradients."""
        return tuple(key for key in self.order if isinstance(self.found.get(key), Upstream))

    def completed(self, output: Output) -> dict[str, Argument]:
        """The arguments by parameter, in their order, where the forward function returns `output`.

        Raises `TargetError` if a parameter without a default gets nothing.
        """
        upstream = self.upstream or self._only(output)
        unknown = [key for key in self.unknown if key not in upstream]
        if unknown:
            raise self._untold(unknown)
        if len(upstream) > 1 and len(upstream) != len(output.places):
            raise TargetError(
                f"{self.name} takes {len(upstream)} upstream gradients ({', '.join(upstream)}), and "
                f"{self.forward} returns {len(output.places)} floating outputs.",
                "Give it one for each output, in their order, or one in the structure of all of them.",
            )
        if not self.tells and not output.is_number:
            raise TargetError(
                f"{self.name} does not tell its parameters, one of which takes the upstream gradient.",
                f"Write a function around it, lambda {', '.join(self.order)}, upstream: {self.name}(…).",
            )
        if not upstream and not output.is_number:
            raise TargetError(
                f"{self.name} takes no upstream gradient, which it needs where the output is not one number.",
                "Give it a last parameter `upstream`, in the shape of the output, or return the scalar loss.",
            )
        several = {key: Upstream(place) for key, place in zip(upstream, output.places, strict=False)}
        found = {**self.found, **(several if len(upstream) > 1 else dict.fromkeys(upstream, Upstream()))}
        return {key: found[key] for key in self.order if key in found}

    def _only(self, output: Output) -> tuple[str, ...]:
        """The only parameter that can be the upstream gradient, which must be there unless the output is one
        number: where it is, the parameter may be anything, such as the number of samples."""
        alone = len(self.unknown) == 1 and (self.takes_cache or not self.left)
        return self.unknown if alone and (not output.is_number or self.unknown == (SHORT,)) else ()

    def _untold(self, unknown: Sequence[str]) -> TargetError:
        could = [*self.left, *([] if self.upstream else ["the upstream gradient"]), "the output"]
        takes = "takes" if len(unknown) == 1 else "take"
        return TargetError(
            f"Nothing tells what {' and '.join(unknown)} of {self.name} {takes}: it could be "
            f"{', '.join(could[:-1])} or {could[-1]} of {self.forward}.",
            f"Name parameters as {self.forward} does, the upstream gradient `upstream`, and what it returns "
            f"after its output `cache`; or write a function around it, lambda x, upstream: {self.name}(…).",
        )


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The parameters of a function that have names; None where it does not tell them, as one written in C or
    one that takes `*args` alone."""
    try:
        every = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    single = [p for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return single if single or not any(p.kind is p.VAR_POSITIONAL for p in every) else None


def _arguments(
    name: str,
    forward: str,
    names: set[str],
    parts: Mapping[str, Template],
    inputs: Mapping[str, Template],
) -> Mapping[str, Template]:
    """What parameters of some names take: both arguments of the forward function and inputs have names, and
    where one name is that of two, the other names tell which is meant."""
    used = names & {*parts, *inputs}
    two = [key for key in used & parts.keys() & inputs.keys() if parts[key] != inputs[key]]
    if not two:
        return {**inputs, **parts}
    readings = [one for one in (parts, inputs) if used <= one.keys()]
    if len(readings) != 1:
        raise TargetError(
            f"{min(two)} of {name} could be the parameter of {forward} or the input of that name, which is "
            "another one.",
            f"Name the inputs as the parameters of {forward}.",
        )
    return readings[0]
