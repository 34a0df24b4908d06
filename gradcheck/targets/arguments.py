"""What each parameter of a backward function gets.

A parameter takes what has its name: an argument of the forward function or one of the inputs, a constant,
the upstream gradient (`upstream` and the other `UPSTREAM`), or what the forward function has kept (`cache`).
Parameters of other names take the arguments of the forward function in their order, and one more at the end
takes the upstream gradient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from inspect import Parameter
from typing import Any, TypeAlias

from gradcheck.errors import TargetError
from gradcheck.targets.structure import Template

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


Argument: TypeAlias = Template | Role | Constant


def arguments(
    name: str,
    parameters: Sequence[Parameter],
    parts: Mapping[str, Template],
    inputs: Mapping[str, Template],
    constants: Mapping[str, Any],
) -> dict[str, Argument]:
    """The arguments of a backward function `name`, by parameter; `parts` are those of the forward function.

    Raises `TargetError` if a parameter without a default gets nothing.
    """
    known: dict[str, Argument] = {**dict.fromkeys(UPSTREAM, Role.UPSTREAM), CACHE: Role.CACHE}
    known |= {key: Constant(value) for key, value in constants.items()}
    known |= _by_name({p.name for p in parameters}, parts, inputs)
    found = {p.name: known[p.name] for p in parameters if p.name in known}
    found |= _by_order([p.name for p in parameters if p.default is p.empty], found, parts, name)
    return {p.name: found[p.name] for p in parameters if p.name in found}


def _by_name(
    names: set[str], parts: Mapping[str, Template], inputs: Mapping[str, Template]
) -> Mapping[str, Template]:
    """What parameters of some names take: both arguments and inputs have names, and where one name is that of
    two, it is an argument unless others are inputs."""
    if all(inputs.get(key, part) == part for key, part in parts.items()):
        return {**inputs, **parts}
    return parts if names & {*inputs, *parts} <= parts.keys() else inputs


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
