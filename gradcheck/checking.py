"""The check from Python: refuse what cannot be checked, load TensorFlow, run, and return a `Report`."""

from __future__ import annotations  # help(check) then shows annotations as they are written

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import GradientError, ShapeError, TargetError
from gradcheck.function.sharing import Sharing
from gradcheck.progress import Progress
from gradcheck.report.findings import Findings
from gradcheck.runtime import load_tensorflow, on_device
from gradcheck.settings import Settings
from gradcheck.signature import documents, refuse_unknown, takes_settings
from gradcheck.targets import numpy_pair, structure
from gradcheck.targets.function import Target
from gradcheck.targets.given import GIVEN, with_given
from gradcheck.variables import usable

PARAMETERS = {
    "inputs": "Arrays or tensors by name, passed in the order of the function's parameters where the names "
    "match, otherwise in the order given; where they outnumber the parameters, as for `forward(params)`, the "
    "only parameter that gets nothing takes a dict of those of other names. Dicts, lists and tuples of "
    "arrays are passed as they are, and each leaf is a variable, such as `layers/0/b`. Integer inputs, and "
    "text and None in structures, are passed through and not differentiated. Python floats, alone and in "
    "lists, become float32. Nothing given "
    "is ever modified.",
    "constants": "Further arguments of the function by name, passed as they are and not differentiated; for "
    "a Keras layer those of its `call`, such as `training` (a bool), `mask` (booleans, or a list of masks "
    "for several inputs) and `use_causal_mask`.",
    "upstream": "Upstream gradient in the shape of the output; by default ones, which is what "
    "`tape.gradient` takes.",
    "gradient": f"{numpy_pair.GRADIENT} {GIVEN}",
    "loss": "For a Keras layer or model: check this loss of (y, output) instead of the output. A name or an "
    "object of keras.losses, or a callable; a list or dict of them, whose sum is taken, for several outputs; "
    "by default the model's `compute_loss`, or the loss that it was compiled with. What it gives for each "
    "sample is averaged.",
    "y": "What the output should be, for the loss; in float32 or float64 as the output is. A list or dict of "
    "arrays for several outputs.",
    "sample_weight": "The weight of each sample in the loss.",
}
"""What `check` takes besides a function and settings."""


@dataclass(frozen=True)
class Report(Findings):
    """Everything a check found out; true in a boolean context only if every gradient agrees."""

    @classmethod
    def of(cls, findings: Findings, **changed: Any) -> Self:
        """The report of some findings, with some of their fields changed."""
        known = {field.name: getattr(findings, field.name) for field in fields(Findings)}
        return cls(**(known | changed))

    def __bool__(self) -> bool:
        return self.passed

    def raise_for_failure(self) -> None:
        """Raise `GradientError`, with the plain table as its message, unless the check passed."""
        if not self.passed:
            raise GradientError(str(self))

    def __str__(self) -> str:
        from gradcheck.render.table import to_text

        return to_text(self)

    def to_dict(self) -> dict[str, object]:
        """The report as JSON values; numbers that are not finite become "nan", "inf" or "-inf"."""
        from gradcheck.render.plain import to_dict

        return to_dict(self)


def check_target(
    target: Target,
    settings: Settings,
    upstream: Array | None = None,
    progress: Progress | None = None,
    *,
    curve: bool = False,
    sharing: Sharing | None = None,
) -> Report:
    """Check one target at one point; with `curve`, sweep the worst element over many steps as well.

    `upstream` has the shape of the output (of all floating outputs joined, flat, where there are several).
    `sharing` are other processes that evaluate; the report is the same with and without.
    Raises `GradcheckError` where the check cannot run.
    """
    names = usable(target, settings, upstream)
    load_tensorflow()
    from gradcheck.procedure import run

    started = time.perf_counter()
    with on_device(settings.device), target.within(), progress or Progress() as watcher:
        found = run(target, settings, names, upstream, watcher, curve=curve, sharing=sharing)
    return Report.of(found, seconds=time.perf_counter() - started)


@takes_settings
@documents(**PARAMETERS)
def check(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    constants: Mapping[str, Any] | None = None,
    upstream: Any = None,
    gradient: Callable[..., Any] | Mapping[str, Any] | None = None,
    loss: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    **settings: Any,
) -> Report:
    """Check the gradient that TensorFlow's tape, or `gradient`, gives for `function` at one point.

    Parameters
    ----------
    function
        Takes tensors by position (TensorFlow ignores a custom gradient called with keywords only) and returns
        a tensor, or nested tuples, lists and dicts of tensors. Or a Keras layer or model, which stays as it
        is: its trainable weights are variables too, named as Keras names them (`kernel`, `dense_1/kernel`).

    Returns
    -------
    Report
        True in a boolean context only if every gradient agrees.

    Raises
    ------
    GradcheckError
        If the check cannot run: the function raised, is not deterministic, or is not finite there.
    """
    refuse_unknown(check, settings)
    chosen = Settings(**settings)
    shown = None if upstream is None else _array("upstream", upstream)
    truth = (loss, y, sample_weight)
    return check_target(_given(function, inputs, constants, gradient, truth, chosen.wrt), chosen, shown)


def _given(
    function: Any,
    inputs: Mapping[str, Any],
    constants: Mapping[str, Any] | None,
    gradient: Callable[..., Any] | Mapping[str, Any] | None,
    loss: tuple[Any, Any, Any],
    wrt: Sequence[str] | None,
) -> Target:
    """What is to be checked: a pair in NumPy, a Keras layer, or a function."""
    nested, leaves = structure.fixing(*structure.named(inputs))
    if not callable(gradient):
        arrays = {name: _array(name, value) for name, value in leaves.items()}
        target = _target(function, arrays, nested, constants, loss)
        worked_out = structure.named(gradient)[1] if gradient else {}
        return with_given(target, {key: _array(key, g, exact=True) for key, g in worked_out.items()}, wrt)
    if any(part is not None for part in loss):
        raise TargetError(
            "loss, y and sample_weight do not go with gradient.", "Check the loss as a function."
        )
    arrays = {name: _array(name, value, exact=True) for name, value in leaves.items()}
    return numpy_pair.target(function, gradient, arrays, constants, nested=nested, wrt=wrt)


def _array(name: str, value: Any, *, exact: bool = False) -> Array:
    """An array or tensor as NumPy; Python numbers and lists of them as float32, as TensorFlow would, or as
    float64 where they are to be `exact`."""
    try:
        array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    except ValueError as error:  # rows of different lengths
        raise ShapeError(f"The input `{name}` is no array: {error}", "Give rows of one length.") from error
    if array.dtype == object or array.dtype.kind in "USMm":
        raise ShapeError(
            f"The input `{name}` is no array of numbers ({array.dtype}).",
            "Give an array or a tensor; what is none goes into constants.",
        )
    if type(value) in (float, list, tuple) and array.dtype == np.float64 and not exact:
        array = array.astype(np.float32)
    return array


def _target(
    function: Any,
    arrays: dict[str, Array],
    nested: Mapping[str, Any],
    constants: Mapping[str, Any] | None,
    loss: tuple[Any, Any, Any],
) -> Target:
    """A Keras layer or model with its weights, or a function as it is; `loss` are the loss, y and the sample
    weights."""
    # Whoever has made a Keras layer has loaded Keras.
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(function, keras.layers.Layer):
        from gradcheck.targets.keras import target
        from gradcheck.targets.layer_call import call_of
        from gradcheck.targets.loss import loss_on_top

        name, last = loss_on_top(function, *loss)
        call = call_of(function, arrays, constants, nested=nested)
        return target(function, arrays, call=call, name=name, last=last)
    if any(part is not None for part in loss):
        raise TargetError(
            "loss, y and sample_weight are for a Keras layer or model.", "Check the loss as a function."
        )
    from gradcheck.targets.function import target as function_target

    return function_target(function, arrays, constants, nested=nested)


@takes_settings
def assert_gradients(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    constants: Mapping[str, Any] | None = None,
    upstream: Any = None,
    gradient: Callable[..., Any] | Mapping[str, Any] | None = None,
    loss: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    **settings: Any,
) -> Report:
    """Check a gradient as `gradcheck.check` does, and raise unless everything agrees.

    Parameters
    ----------
    function, inputs, constants, upstream, gradient, loss, y, sample_weight
        As for `gradcheck.check`.

    Returns
    -------
    Report
        The report of a check that passed.

    Raises
    ------
    GradientError
        An AssertionError with the diagnosis and the worst elements; also where some could not be judged.
    GradcheckError
        If the check cannot run.
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    given = {"constants": constants, "upstream": upstream, "gradient": gradient}
    truth = {"loss": loss, "y": y, "sample_weight": sample_weight}
    report = check(function, inputs, **given, **truth, **settings)
    if not report.passed:
        from gradcheck.render.short import to_short

        raise GradientError(to_short(report))
    return report
