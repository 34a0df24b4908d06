"""One check from target to report: the one place that knows the order of the steps."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import GradcheckError, SettingError, ShapeError, TargetError, TensorError
from gradcheck.progress import Progress
from gradcheck.result import Report
from gradcheck.settings import RTOL, Budget, Execution, Method, Mode, Settings, read_memory
from gradcheck.targets.target import Target


def check_target(
    target: Target, settings: Settings, upstream: Array | None = None, progress: Progress | None = None
) -> Report:
    """Check one target at one point.

    `upstream` has the shape of the output (of all floating outputs joined, flat, where there are several).
    Raises `GradcheckError` where the check cannot run.
    """
    names = _differentiated(target, settings)
    for name in names:
        _refuse_unusable(f"The input `{name}`", target.inputs[name])
    if upstream is not None:
        _refuse_unusable("The upstream gradient", upstream)
    from gradcheck.runtime import load_tensorflow

    load_tensorflow()
    from gradcheck import devices
    from gradcheck.procedure import run

    started = time.perf_counter()
    with devices.on(settings.device), progress or Progress() as watcher:
        found = run(target, settings, names, upstream, watcher)
    return Report.of(found, seconds=time.perf_counter() - started)


def _differentiated(target: Target, settings: Settings) -> tuple[str, ...]:
    """Names of the variables: those asked for, or every floating input."""
    possible = target.floating()
    if not possible:
        raise TargetError(
            f"{target.name} has no floating input to differentiate.", "Give at least one floating tensor."
        )
    for name in settings.wrt or ():
        if name not in possible:
            raise TargetError(
                f"`wrt` names {name!r}, which is no floating input of {target.name}.",
                f"Choose from: {', '.join(possible)}.",
            )
    return possible if settings.wrt is None else tuple(n for n in possible if n in settings.wrt)


def _refuse_unusable(what: str, array: Array) -> None:
    """Raise where an array has no element, or one at which there is no derivative."""
    if array.size == 0:
        raise TensorError(f"{what} is empty: it has shape {array.shape}.", "Give at least one element.")
    if array.dtype.kind == "c":
        raise TensorError(f"{what} holds complex numbers.", "Give real ones.")
    bad = ~np.isfinite(array)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        raise TensorError(
            f"{what} holds NaN or infinity in {int(bad.sum()):,} of {array.size:,} elements, first "
            f"{array[index]} at {list(index)}.",
            "Replace them with finite numbers: there is no gradient at such a point.",
        )


def check(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    rtol: float = RTOL,
    atol: float = 0.0,
    step: float | None = None,
    seed: int = 0,
    wrt: str | Sequence[str] | None = None,
    constants: Mapping[str, Any] | None = None,
    upstream: Any = None,
    strict: bool = False,
    allow_nondeterministic: float = 0.0,
    order: int = 1,
    mode: str = "reverse",
    execution: str | Sequence[str] = (),
    device: str | None = None,
    check_pfor: bool = False,
    budget: str | float | None = None,
    memory: str | int | None = None,
    method: str = "auto",
) -> Report:
    """Check the gradient that TensorFlow's tape gives for `function` at one point.

    Parameters
    ----------
    function
        Takes tensors as positional arguments and returns a tensor, or nested tuples, lists and dicts of
        tensors: TensorFlow ignores a custom gradient called with keywords only.
        Or a Keras layer or model: its trainable weights are then variables too, named as Keras names them
        (`kernel`, or `dense_1/kernel` where there are several), and it is rebuilt from its config at float64
        for the comparison with differences. Its weights and state do not change.
    inputs
        Arrays or tensors by name, passed in the order of the function's parameters where the names match,
        otherwise in the order given. Integer inputs are passed through and not differentiated. Python
        floats, alone and in lists, become float32. Nothing given is ever modified.
    rtol, atol
        An element's tape and difference agree within atol + rtol·S, with S = Σ |r_i| |∂f_i/∂x_j| the sum of
        the sizes of its contributions.
    step
        First step relative to max(|x_j|, rms(x)); the default follows from the precision.
    seed
        Seed of the random upstream gradients and steps: the same seed gives the same report.
    constants
        Further arguments of the function by name, passed as they are and not differentiated; for a Keras
        layer `training` (a bool) and `mask` (booleans).
    wrt
        Names of the inputs to differentiate, by default all floating ones.
    upstream
        Upstream gradient in the shape of the output; by default ones, which is what `tape.gradient` takes.
    strict
        Count kinks, where the function has no derivative but the tape gave a valid subgradient, as failures.
    allow_nondeterministic
        Largest difference between two evaluations at one point that is taken as noise.
    order
        Also check gradients of gradients up to this order, each against differences of the one before. The
        report holds the variables of all orders; it stops at the first order that fails.
    mode
        `reverse` checks the tape; `forward` checks `tf.autodiff.ForwardAccumulator` against differences
        along random directions instead; `both` does both, and holds them against each other. Where a custom
        gradient is called eagerly, forward mode differentiates the operations inside it and never looks at
        the gradient written by hand.
    execution
        One or several of `eager`, `graph` and `xla`: also hold the tape gradient of a `tf.function`, or
        compiled with XLA, against the eager one, and against each other.
    device
        Device to run on, such as `CPU:0` or `GPU:0`.
    check_pfor
        Also hold `tape.jacobian` and `tape.batch_jacobian` by pfor against those by a loop.
    budget
        What the check may cost: seconds as text, such as `"60s"`, or a number of evaluations. Where that is
        too little, a seeded sample of elements is checked one by one and the whole tensor along random
        directions; `Variable.coverage` is the share of the former. None checks every element.
    memory
        What a batch of evaluations may hold, in bytes or as text such as `"2GiB"`; by default half of what
        is free.
    method
        `auto`, or `elementwise` to perturb one element at a time: slow, and without any assumption.

    Returns
    -------
    Report
        True in a boolean context only if every gradient agrees.

    Raises
    ------
    GradcheckError
        If the check cannot run: the function raised, is not deterministic, or is not finite there.
    """
    arrays = {name: _array(name, value) for name, value in inputs.items()}
    settings = Settings(
        rtol=rtol,
        atol=atol,
        step=step,
        seed=seed,
        wrt=None if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt),
        strict=strict,
        allow_nondeterministic=allow_nondeterministic,
        order=_order(order),
        mode=_chosen(Mode, "mode", mode),
        execution=tuple(
            _chosen(Execution, "execution", name)
            for name in ([execution] if isinstance(execution, str) else execution)
        ),
        device=device,
        check_pfor=check_pfor,
        budget=_budget(budget),
        memory=_memory(memory),
        method=_chosen(Method, "method", method),
    )
    target = _target(function, arrays, constants)
    return check_target(target, settings, None if upstream is None else _array("upstream", upstream))


def _order(order: int) -> int:
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise GradcheckError(f"`order` is {order!r}, which is no whole number ≥ 1.", "Give 1, 2 or 3.")
    return order


Word = TypeVar("Word", bound=Enum)


def _chosen(words: type[Word], option: str, given: str) -> Word:
    try:
        return words(given)
    except ValueError as error:
        known = ", ".join(str(word.value) for word in words)
        raise GradcheckError(f"There is no {option} {given!r}.", f"Choose from: {known}.") from error


def _budget(value: str | float | None) -> Budget | None:
    try:
        return Budget.given(value)
    except ValueError as error:
        raise SettingError(f"`budget` is wrong: {error}") from error


def _memory(value: str | int | None) -> int | None:
    try:
        return None if value is None else read_memory(str(value))
    except ValueError as error:
        raise SettingError(f"`memory` is wrong: {error}") from error


def _array(name: str, value: Any) -> Array:
    """An array or tensor as NumPy; Python numbers and lists of them as float32, as TensorFlow would."""
    try:
        array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    except ValueError as error:  # rows of different lengths
        raise ShapeError(f"The input `{name}` is no array: {error}", "Give rows of one length.") from error
    if array.dtype == object or array.dtype.kind in "USMm":
        raise ShapeError(
            f"The input `{name}` is no array of numbers ({array.dtype}).", "Give an array or a tensor."
        )
    if type(value) in (float, list, tuple) and array.dtype == np.float64:
        array = array.astype(np.float32)
    return array


def _target(function: Any, arrays: dict[str, Array], constants: Mapping[str, Any] | None) -> Target:
    """A Keras layer or model with its weights, or a function as it is."""
    # Whoever has made a Keras layer has loaded Keras.
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(function, keras.layers.Layer):
        from gradcheck.targets.keras import target

        options = dict(constants or {})
        unknown = [key for key in options if key not in ("training", "mask")]
        if unknown:
            raise TargetError(
                f"A Keras layer takes no constant {unknown[0]!r}.", "It takes `training` and `mask`."
            )
        return target(function, arrays, **options)
    from gradcheck.targets.function import target as function_target

    return function_target(function, arrays, constants)
