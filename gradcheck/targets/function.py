"""A Target, and a callable of tensors as one: names matched to parameters, everything passed by position.

Inputs may be nested: each leaf is an input of the target, and the function gets the structure as it was
given.
"""

import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import TargetError, did_you_mean
from gradcheck.targets.structure import Template, filled, paths

ClosedForm = Callable[[Mapping[str, Array], Array], dict[str, Array]]
"""(inputs as float64 by name, upstream gradient as float64 in the shape of the output) → gradient by name."""
_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def values_of(output: Any) -> Any:
    """A sparse or ragged tensor by its values, anything else as it is."""
    import tensorflow as tf

    if isinstance(output, tf.SparseTensor):
        return output.values
    return output.flat_values if isinstance(output, tf.RaggedTensor) else output


@dataclass(frozen=True)
class Target:
    """A function to check at one point."""

    name: str
    """What the report calls it: `dense`, `maxpool1d`, a function's name."""
    function: Callable[..., Any]
    """Called with tensors as positional arguments, in the order of `inputs`."""
    inputs: Mapping[str, Array]
    """The arrays by name, in the order of the call; those that are not floating are passed through."""
    closed_form: ClosedForm | None = None
    """The gradient in NumPy, independent of tape and differences; None where no formula is known."""
    given: Mapping[str, Array] = field(default_factory=dict)
    """Gradients that a user has worked out, by name, each in the shape of its input and its own dtype."""
    within: Callable[[], AbstractContextManager[None]] = nullcontext
    """What must hold while the target is checked, such as the default dtype of Keras."""
    traceable: bool = True
    """Whether TensorFlow may try to run the function in a graph; never NumPy code."""
    undefined: tuple[type[Exception], ...] = ()
    """What the function raises where it is not defined, besides TensorFlow's InvalidArgumentError."""
    no_gradient: str = "the tape returned no gradient (None)"
    """What to say of a variable without a gradient."""
    variables: tuple[Any, ...] = ()
    """`tf.Variable`s that inputs stand for: a tape that sees them sees nothing that is not checked."""
    tape_only: bool = False
    """Whether only its first gradient by the tape can be checked: no second one, and no forward mode."""
    assigns: bool = False
    """Whether it assigns to variables while it runs, which a loop of a graph, or many runs at once, would not
    keep apart."""
    in_place: Callable[..., AbstractContextManager[Callable[[], Any]]] | None = None
    """Where a tape sees nothing of what happens inside the function: a context for its tensors that gives a
    call of which it does."""
    held: tuple[str, ...] = ()
    """Floating inputs that are not differentiated."""
    said: tuple[str, ...] = ()
    """What a user should know of how the function is differentiated, a sentence each."""
    origin: Any = None
    """What the user has named, such as a function or a layer, for where it is defined."""

    @property
    def compiles(self) -> bool:
        """Whether evaluations may run in a graph, many at once too."""
        return self.traceable and not self.assigns

    def floating(self) -> tuple[str, ...]:
        """Names of the inputs that can be differentiated."""
        floating = (name for name, array in self.inputs.items() if is_floating(array.dtype))
        return tuple(name for name in floating if name not in self.held)


@dataclass(frozen=True)
class Placed:
    """A function, and what it is called with."""

    name: str
    function: Callable[..., Any]
    """Called with the parts as positional arguments."""
    parts: Mapping[str, Template]
    """What each argument is made of, by parameter or, where names do not match, by input."""
    parameters: tuple[str, ...] = ()
    """The parameters that take the parts, where their names are not those of the parts."""

    def target(self, inputs: Mapping[str, Array]) -> Target:
        """The function of the leaves of its parts; `inputs` are those by path."""
        parts, names = list(self.parts.values()), paths(list(self.parts.values()))
        if len(names) > len({*names}):
            twice = next(name for name in names if names.count(name) > 1)
            raise TargetError(f"Two inputs are named {twice!r}.", "Rename one of them.")
        ordered = {name: inputs[name] for name in names}
        if names == parts:
            return Target(self.name, self.function, ordered)

        def call(*tensors: Any) -> Any:
            return self.function(*filled(parts, dict(zip(names, tensors, strict=True))))

        return Target(self.name, call, ordered)


def target(
    function: Callable[..., Any],
    inputs: Mapping[str, Array],
    constants: Mapping[str, Any] | None = None,
    *,
    nested: Mapping[str, Template] | None = None,
    name: str | None = None,
    names_must_match: bool = False,
) -> Target:
    """A function with its inputs by name, and called `name` in the report, by default its `__name__`.

    `function` takes tensors by position: TensorFlow ignores a custom gradient whose arguments all come by
    keyword. `inputs` are passed in the order of its parameters (`*args` is one) where every name is one of
    them, otherwise in the order given; with `names_must_match` another name is refused. Where inputs
    outnumber parameters, and one parameter gets nothing, that one takes those of other names as a dict.
    `constants` are passed as they are and not differentiated; keyword-only parameters take these.
    `nested` is the template of the inputs where these are named by path.

    Raises `TargetError` if a name is no parameter, or a parameter without a default gets nothing.
    """
    given = {key: key for key in inputs} if nested is None else nested
    placed = place(function, given, constants, name=name, names_must_match=names_must_match)
    return replace(placed.target(inputs), origin=function)


def place(
    function: Callable[..., Any],
    given: Mapping[str, Template],
    constants: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    names_must_match: bool = False,
    may_default: bool = False,
) -> Placed:
    """Which argument each input is, as `target` has it; with `may_default` parameters with a default do not
    count as such that take an input of another name."""
    name = str(name or getattr(function, "__name__", type(function).__name__))
    constants = dict(constants or {})
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # written in C, without a signature
        if constants:
            constant = next(iter(constants))
            raise TargetError(
                f"{name} does not tell its parameters, so the constant {constant!r} has no place.",
                "Write a function around it that takes tensors only.",
            ) from None
        return Placed(name, function, given)
    given = _gathered(signature, given, constants, may_default=may_default)
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
    unknown = [key for key in [*given, *constants] if key not in signature.parameters]
    if unknown and not constants and (takes_any or not names_must_match):
        places = [key for key, p in signature.parameters.items() if p.kind in _POSITIONAL]
        return Placed(name, function, given, () if takes_any else tuple(places[: len(given)]))
    if unknown:
        untyped = (str(p.replace(annotation=p.empty)) for p in signature.parameters.values())
        known = ", ".join(untyped) or "none"
        raise TargetError(
            f"{name} has no parameter named {unknown[0]!r}.",
            f"{did_you_mean(unknown[0], signature.parameters)}Its parameters are: {known}.",
        )
    return _matched(name, function, signature, given, constants)


def _gathered(
    signature: inspect.Signature,
    given: Mapping[str, Template],
    constants: Mapping[str, Any],
    *,
    may_default: bool,
) -> Mapping[str, Template]:
    """The inputs with those of other names as one dict for the one parameter that needs it."""
    parameters = [p for p in signature.parameters.values() if p.name not in constants]
    needed = [p.name for p in parameters if p.kind not in _VARIABLE and p.default is p.empty]
    free = [key for key in needed if key not in given]
    others = {key: part for key, part in given.items() if key not in signature.parameters}
    if len(free) != 1 or len(others) < 2 or any(p.kind in _VARIABLE for p in parameters):
        return given
    if len(given) <= len(parameters) and not may_default:
        return given
    return {key: part for key, part in given.items() if key not in others} | {free[0]: others}


def _matched(
    name: str,
    function: Callable[..., Any],
    signature: inspect.Signature,
    inputs: Mapping[str, Template],
    constants: Mapping[str, Any],
) -> Placed:
    parameters = signature.parameters
    given = {**inputs, **constants}
    both = [key for key in inputs if key in constants]
    if both:
        raise TargetError(f"{both[0]!r} is given as an input and as a constant.", "Give it once.")
    for key, parameter in parameters.items():
        needed = parameter.kind not in _VARIABLE and parameter.default is parameter.empty
        if needed and key not in given:
            raise TargetError(
                f"{name} needs a value for its parameter {key!r}.",
                "Give it as an input (--arg), or as a constant (--const) if it is not to be differentiated.",
            )
        if key in inputs and parameter.kind not in _POSITIONAL:
            raise TargetError(
                f"The parameter {key!r} of {name} is keyword-only, and tensors are passed by position.",
                "Make it positional, or write a function around it that is.",
            )
    places = [key for key, parameter in parameters.items() if parameter.kind in _POSITIONAL]
    last = max((place for place, key in enumerate(places) if key in given), default=-1)
    places = places[: last + 1]
    keywords = {key: value for key, value in constants.items() if key not in places}
    ordered = {key: inputs[key] for key in places if key in inputs}
    if list(ordered) == places and not keywords:
        return Placed(name, function, ordered)
    fixed = {key: constants.get(key, parameters[key].default) for key in places if key not in inputs}

    def call(*tensors: Any) -> Any:
        values = {**fixed, **dict(zip(ordered, tensors, strict=True))}
        return function(*(values[key] for key in places), **keywords)

    return Placed(name, call, ordered)
