"""The point of a check: what is known there before any difference is taken.

The function is evaluated twice (finite? the same?), its tapes are recorded at the tensors' own dtype, twice,
and in float64, and its precision is measured.
"""

from __future__ import annotations

import numpy as np

from gradcheck.arrays.shared_memory import view
from gradcheck.arrays.types import Array
from gradcheck.differences.weights import Weights
from gradcheck.errors import GradcheckError, NondeterministicError, ShapeError, TargetError
from gradcheck.function import ignored_gradients, noise_level, tape
from gradcheck.function.primal import Forward
from gradcheck.settings import Settings
from gradcheck.targets.target import Target
from gradcheck.targets.user_frames import refusal


class Point:
    """One target at one point."""

    def __init__(
        self,
        target: Target,
        settings: Settings,
        names: tuple[str, ...],
        upstream: Array | None,
        eps: float | None = None,
    ) -> None:
        """Evaluate, record and measure; `names` are the variables, `upstream` the gradient to show.

        `eps` is the relative rounding of the outputs, where it is known and need not be measured.
        """
        self.target, self.settings, self.names, self.upstream = target, settings, names, upstream
        self.warnings: list[str] = []
        self.evaluations = 0
        self.native = Forward(target, names, None)
        self.forward, self.base = self._mathematics(self._evaluate(self.native))
        if self.native.ignored:
            self.warnings.append(
                f"Outputs that are not floating were ignored: {', '.join(self.native.ignored)}."
            )
        self.cotangents = tape.draw_cotangents(self.base.size, self._shown(upstream), self.settings.seed)
        self.own, self.apart = self._own_tapes()
        self.exact = self._exact_tape()
        self.precision = self._precision() if eps is None else noise_level.known(eps, self.base)
        self.weights = Weights(self.cotangents, self.precision)
        self.closed = self._closed_forms()

    @property
    def backward(self) -> Forward:
        """The function whose tape is `exact`: the one in float64, unless that has no backward pass."""
        return self.native if self.exact is self.own else self.forward

    def round_to(self, shares: Array) -> None:
        """From now on the outputs are known to be rounded to a share of themselves, [output tensors]."""
        sizes = [output.size for output in self.forward.outputs]
        self.precision = noise_level.rounded_to(self.precision, shares, self.base, sizes)
        self.weights = Weights(self.cotangents, self.precision)

    def _evaluate(self, forward: Forward) -> Array:
        """f(x), finite and the same twice."""
        try:
            first, second = view(forward.at_point()), view(forward.at_point())
        except GradcheckError:
            raise
        except Exception as error:
            raise refusal(self.target.name, error, "when it was evaluated") from error
        self.evaluations += 2
        bad = np.flatnonzero(~np.isfinite(first))
        if bad.size:
            raise TargetError(
                f"{self.target.name} is not finite at the given point: {forward.locate(int(bad[0]))} is "
                f"{first[bad[0]]} ({bad.size} of {first.size} outputs).",
                "A derivative needs finite values around the point: change the tensors.",
            )
        apart = 0.0 if np.array_equal(first, second) else float(np.abs(first - second).max())
        if apart > self.settings.allow_nondeterministic:
            raise NondeterministicError(
                f"{self.target.name} gave two different outputs at one point, up to {apart:.3g} apart.",
                "Switch dropout off (training=False), set a seed inside the function, or pass "
                "--allow-nondeterministic with the size of the noise.",
            )
        return np.asarray(first)

    def _mathematics(self, outputs: Array) -> tuple[Forward, Array]:
        """The function in float64 where it runs there, otherwise as the user's tensors have it."""
        if all(value.dtype.name == "float64" for value in self.native.values):
            return self.native, outputs
        forward = Forward(self.target, self.names, "float64")
        try:
            return forward, self._evaluate(forward)
        except NondeterministicError:
            raise
        except GradcheckError as error:
            self.warnings.append(
                "The function does not run in float64, so that small errors cannot be seen: " + error.found
            )
            return self.native, outputs

    def _shown(self, upstream: Array | None) -> Array | None:
        if upstream is None:
            return None
        shapes = [output.shape for output in self.native.outputs]
        wanted = shapes[0] if len(shapes) == 1 else (sum(output.size for output in self.native.outputs),)
        if upstream.shape != wanted:
            raise ShapeError(
                f"The upstream gradient has shape {upstream.shape}, the output {wanted}.",
                "Give one number for every output entry.",
            )
        return upstream

    def _own_tapes(self) -> tuple[tape.Tape, list[Array | None]]:
        """Tape gradients at the tensors' own dtype, and how far a second run is apart from the first."""
        try:
            with ignored_gradients.noting_ignored() as ignored:
                own = tape.record(self.native, self.cotangents)
            again = tape.record(self.native, self.cotangents[:1])
        except Exception as error:
            raise refusal(self.target.name, error, "in its backward pass") from error
        if ignored:
            reason = ignored_gradients.in_words(ignored)
            own = tape.Tape(own.gradients, (reason,) * len(own.reasons))
        return own, [tape.apart(*pair) for pair in zip(own.gradients, again.gradients, strict=True)]

    def _exact_tape(self) -> tape.Tape:
        """Tape gradients in float64: the same object where the tensors' own dtype is float64."""
        if self.forward is self.native:
            return self.own
        try:
            return tape.record(self.forward, self.cotangents)
        except Exception as error:  # whatever a backward pass does in a precision it was not written for
            self.warnings.append(f"The backward pass does not run in float64: {type(error).__name__}.")
            return self.own

    def _precision(self) -> noise_level.Precision:
        noise = self.settings.allow_nondeterministic
        if self.forward.dtype is None and any(v.dtype.name != "float64" for v in self.forward.values):
            return noise_level.assumed(self.forward, self.base, noise)
        found = noise_level.measure(self.forward, self.base, self.settings.seed, noise)
        self.evaluations += found.evaluations
        return found

    def _closed_forms(self) -> dict[str, Array]:
        if self.target.closed_form is None:
            return {}
        inputs = {name: array.astype(np.float64) for name, array in self.target.inputs.items()}
        upstream = self.cotangents[0].reshape(self.forward.outputs[0].shape)
        return self.target.closed_form(inputs, upstream)

    def in_words(self) -> str:
        """The dtypes that tape and differences were computed in."""
        dtypes = sorted({value.dtype.name for value in self.native.values})
        if self.forward is self.native and dtypes != ["float64"] and self.precision.name != "float64":
            return f"tape and differences in {self.precision.name}"
        rounded = "" if self.precision.name == "float64" else f" (rounded to {self.precision.name} inside)"
        own = "" if dtypes == ["float64"] else f", tape also in {' and '.join(dtypes)}"
        return f"tape and differences in float64{rounded}{own}"
