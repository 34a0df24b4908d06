"""A forward and a backward function in NumPy as one target, in float64."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial, wraps
from types import MethodType
from typing import Any, NoReturn

import numpy as np

from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import GradcheckError
from gradcheck.targets import function
from gradcheck.targets.arguments import Kept, Named, Upstream
from gradcheck.targets.backward import Backward
from gradcheck.targets.forward import Forward, Output, Returns, name_of, starts_with_loss
from gradcheck.targets.function import Target
from gradcheck.targets.gradients import Gradients
from gradcheck.targets.pair import Pair
from gradcheck.targets.structure import Template, copied, paths

GRADIENT = (
    "The backward pass in NumPy of a `function` in NumPy, which gets copies of the arrays, in float64. Its "
    "parameters take what has their name: inputs, constants, `cache` or `caches`, which is what `function` "
    "then returns after its output, and the upstream gradient (`upstream`, `dout`, `dZ`, `grad_output`, or "
    "the only parameter that is left), in the structure of the output, or one for each output in their "
    "order. Without one, `gradient` is that of a loss, which may come first in a tuple. It returns a dict of "
    "gradients by name (`W1`, `dW1` or `grad_W1`), a tuple or list in the order of the variables, or an "
    "array for the only one; data (`X`, `y`, `labels`) that it returns none for is not checked unless `wrt` "
    "names it. A "
    "function that is its own `gradient` returns (loss, gradients)."
)
"""The parameter `gradient` of `gradcheck.check`."""
_SPLIT = r"([_ ]?(train|test|batch|true|data))?\d*"
LABELS = re.compile(rf"(X|Y|y|data|labels?|targets?|images?|batch){_SPLIT}")
"""Names of data in a layer too, whose backward pass returns a gradient for its input `x`."""
DATA = re.compile(rf"(x|t|inputs?|features?){_SPLIT}|{LABELS.pattern}")
"""Those that are data in a loss."""
UNDEFINED = (ArithmeticError, ValueError)
"""What NumPy and `math` raise outside of a domain: LinAlgError, FloatingPointError, OverflowError."""


def target(
    forward: Callable[..., Any],
    gradient: Callable[..., Any],
    inputs: Mapping[str, Array],
    constants: Mapping[str, Any] | None = None,
    *,
    nested: Mapping[str, Template] | None = None,
    wrt: Sequence[str] | None = None,
    name: str | None = None,
    names_must_match: bool = False,
) -> Target:
    """The target of `forward` with its `gradient`; floating inputs become float64.

    Both run once, to see what they return. `wrt` are the inputs that the gradient is for, by default all
    floating ones that it returns something for; the rest is as for `function.target`. Raises `TargetError`
    also if it is not certain what a parameter of `gradient` gets.
    """
    given = {key: key for key in inputs} if nested is None else nested
    placing: dict[str, Any] = {"name": name or name_of(forward), "names_must_match": names_must_match}
    placed = function.place(_on_copies(forward), given, constants, **placing, may_default=True)
    exact = {
        key: array.astype(np.float64) if is_floating(array.dtype) else array for key, array in inputs.items()
    }
    # The gradient is what is checked.
    alone = replace(placed.target(exact), traceable=False, undefined=UNDEFINED, origin=gradient)
    parameters = placed.parameters if len(placed.parameters) == len(placed.parts) else placed.parts
    parts = dict(zip(parameters, placed.parts.values(), strict=True))
    own = gradient is forward or (isinstance(gradient, MethodType) and gradient == forward)
    named = None if own else Named.of(gradient, placed.name, parts, given, constants or {})
    try:
        result = Forward(placed.name, alone.function).run(list(alone.inputs.values()))
    except Exception as error:  # whatever a user's function raises: the check says so when it evaluates
        return replace(alone, function=partial(_raise, error))
    shapes = {key: alone.inputs[key].shape for key in alone.floating() if wrt is None or key in wrt}
    found = Gradients(placed.name if named is None else named.name, placed.parts, shapes)
    return _paired(alone, gradient, named, found, result, asked=wrt is not None)


def _paired(
    alone: Target,
    gradient: Callable[..., Any],
    named: Named | None,
    gradients: Gradients,
    result: Any,
    *,
    asked: bool,
) -> Target:
    """A forward function that has returned `result`, with its gradient, whose parameters are `named`; None
    where the function is its own gradient. With `asked` all variables need one."""
    returns = Returns.LOSS if named is None else _returns(named, result)
    forward = Forward(alone.name, alone.function, returns)
    output = forward.read(result)
    if named is None:
        backward = Backward(lambda kept: kept, alone.name, {"kept": Kept()}, 1)
    else:
        backward = Backward.of(gradient, named, output)
    pair = Pair(forward, backward, gradients, tuple(alone.inputs))
    held = () if asked else _without(pair, list(alone.inputs.values()), output)
    reason = f"{backward.name} returned no gradient for it (None, or no entry of that name)"
    said = [] if named is None else _read_in_words(pair, output)
    if held:
        said.append(
            f"Not checked: {', '.join(held)}, for which {backward.name} returns no gradient; where it "
            "should, name them in wrt (--wrt)."
        )
    return replace(alone, function=pair, no_gradient=reason, held=held, said=tuple(said))


def _read_in_words(pair: Pair, output: Output) -> list[str]:
    """What is told by order, and might be meant otherwise."""
    forward, backward = pair.forward.name, pair.backward
    if pair.forward.returns is Returns.LOSS:
        return [
            f"Only the loss, the first that {forward} returns, is differentiated: {backward.name} takes no "
            "upstream gradient."
        ]
    upstream = {key: one for key, one in backward.arguments.items() if isinstance(one, Upstream)}
    if len(upstream) > 1:
        return [
            f"{', '.join(upstream)} of {backward.name} are taken in the order of the outputs of {forward}."
        ]
    if upstream and isinstance(output.template, list | tuple):
        return [
            f"{next(iter(upstream))} of {backward.name} gets the upstream gradients of all "
            f"{len(output.template)} outputs of {forward}, in their structure."
        ]
    return []


def _returns(named: Named, result: Any) -> Returns:
    """What a forward function returned, by what its gradient takes."""
    if named.takes_cache:
        return Returns.CACHE
    # The gradient without an upstream gradient can only be that of the one number.
    needs = named.upstream or named.unknown
    return Returns.LOSS if not needs and starts_with_loss(result) else Returns.OUTPUTS


def _without(pair: Pair, arrays: Sequence[Array], output: Output) -> tuple[str, ...]:
    """The variables of the arguments that are data by their name, for which the backward pass returns no
    gradient; none where it returns nothing at all. For any other name it was forgotten."""
    ones = {path: np.ones_like(leaf) if output.floats(path) else None for path, leaf in output.leaves.items()}
    try:
        found = pair.slopes(list(map(copied, arrays)), output, ones)
    except GradcheckError:
        raise
    except Exception:  # whatever a user's backward pass raises: the check says so when it records the tape
        return ()
    data = LABELS if pair.backward.takes_upstream else DATA
    whole = [
        part
        for name, part in pair.gradients.parts.items()
        if data.fullmatch(name) and found.keys().isdisjoint(paths(part))
    ]
    held = tuple(path for path in pair.gradients.shapes if path in paths(whole))
    return held if found else ()


def _raise(error: Exception, *_: Any) -> NoReturn:
    raise error


def _on_copies(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which cannot write into what it is given, constants included."""

    @wraps(forward)
    def called(*arguments: Any, **keywords: Any) -> Any:
        return forward(*map(copied, arguments), **{key: copied(value) for key, value in keywords.items()})

    return called
