"""The steps of one check, with TensorFlow loaded: evaluate, tape, differences, judgement, report."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck import kinks, native, precision, tape
from gradcheck.diagnosis import Evidence, diagnose
from gradcheck.differences import Differences
from gradcheck.errors import GradcheckError, NondeterministicError, ShapeError, TargetError
from gradcheck.examine import Examination
from gradcheck.forward import Forward
from gradcheck.judge import Rule
from gradcheck.report import ElementVerdict, Report, Variable
from gradcheck.settings import Method, Settings
from gradcheck.steps import Steps, typical
from gradcheck.structure import Grouping, elementwise, find
from gradcheck.targets import Array, Target


class Check:
    """One target at one point."""

    def __init__(
        self, target: Target, settings: Settings, names: tuple[str, ...], upstream: Array | None
    ) -> None:
        self.target, self.settings, self.names, self.upstream = target, settings, names, upstream
        self.warnings: list[str] = []
        self.native = Forward(target, names, None)
        self.evaluations = 0

    def report(self) -> Report:
        """Run every step."""
        outputs = self._evaluate(self.native)
        self.forward, self.base = self._mathematics(outputs)
        if self.native.ignored:
            self.warnings.append(
                f"Outputs that are not floating were ignored: {', '.join(self.native.ignored)}."
            )
        self.cotangents = tape.draw_cotangents(self.base.size, self._shown(), self.settings.seed)
        self.exact, self.own = self._tapes()
        self.effective = self._precision()
        self.closed = self._closed_forms()
        examinations = [self._examine(number) for number in range(len(self.names))]
        for examination in examinations:
            kinks.look_around(examination, self.cotangents, self.settings.seed)
        kinks.judge_together(examinations, self.cotangents, self.settings.rtol)
        variables, diagnosis = [], []
        for number, examination in enumerate(examinations):
            variable, line = self._conclude(number, examination)
            variables.append(variable)
            if line is not None:
                diagnosis.append(line)
        return Report(
            self.target.name,
            tuple(variables),
            self.settings,
            self.evaluations,
            0.0,
            self._in_words(),
            tuple(diagnosis),
            tuple(self.warnings),
            _sensitivity(variables),
        )

    def _evaluate(self, forward: Forward) -> Array:
        """f(x), finite and the same twice."""
        try:
            first, second = forward.at_point().numpy(), forward.at_point().numpy()
        except GradcheckError:
            raise
        except Exception as error:
            raise tape.refusal(self.target.name, error, "when it was evaluated") from error
        self.evaluations += 2
        bad = np.flatnonzero(~np.isfinite(first))
        if bad.size:
            raise TargetError(
                f"{self.target.name} is not finite at the given point: {forward.locate(int(bad[0]))} is "
                f"{first[bad[0]]} ({bad.size} of {first.size} outputs).",
                "A derivative needs finite values around the point: change the tensors.",
            )
        apart = float(np.abs(first - second).max(initial=0.0))
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

    def _shown(self) -> Array | None:
        if self.upstream is None:
            return None
        shapes = [output.shape for output in self.native.outputs]
        wanted = shapes[0] if len(shapes) == 1 else (sum(output.size for output in self.native.outputs),)
        if self.upstream.shape != wanted:
            raise ShapeError(
                f"The upstream gradient has shape {self.upstream.shape}, the output {wanted}.",
                "Give one number for every output entry.",
            )
        return self.upstream

    def _tapes(self) -> tuple[tape.Tape, tape.Tape]:
        """Tape gradients in float64 and at the tensors' own dtype (the same object where that is float64)."""
        try:
            own = tape.record(self.native, self.cotangents)
            again = tape.record(self.native, self.cotangents[:1])
        except Exception as error:
            raise tape.refusal(self.target.name, error, "in its backward pass") from error
        self.warnings += tape.not_reentrant(self.names, own, again)
        if self.forward is self.native:
            return own, own
        try:
            return tape.record(self.forward, self.cotangents), own
        except Exception as error:  # whatever a backward pass does in a precision it was not written for
            self.warnings.append(f"The backward pass does not run in float64: {type(error).__name__}.")
            return own, own

    def _precision(self) -> precision.Effective:
        if self.forward.dtype is None and any(v.dtype.name != "float64" for v in self.forward.values):
            name = max((value.dtype.name for value in self.forward.values), key=precision.eps_of)
            return precision.Effective(name, precision.eps_of(name), 0)
        found = precision.measure(self.forward, self.base, self.settings.seed)
        self.evaluations += found.evaluations
        noise = self.settings.allow_nondeterministic / (float(np.abs(self.base).max()) or 1.0)
        return precision.Effective(found.name, max(found.eps, noise), found.evaluations)

    def _closed_forms(self) -> dict[str, Array]:
        if self.target.closed_form is None:
            return {}
        inputs = {name: array.astype(np.float64) for name, array in self.target.inputs.items()}
        upstream = self.cotangents[0].reshape(self.forward.outputs[0].shape)
        return self.target.closed_form(inputs, upstream)

    def _examine(self, number: int) -> Examination:
        """The verdicts that differences alone give the elements of one variable."""
        settings, eps = self.settings, self.effective.eps
        point = self.forward.values[number].numpy()
        differences = Differences(self.forward, number, self.cotangents, eps)
        steps = Steps(point, eps, settings.step, settings.seed)
        gradients = self.exact.gradients[number].reshape(len(self.cotangents), -1)
        rtol = settings.rtol
        if self.exact is self.own and self.forward is not self.native:
            rtol = max(rtol, native.tolerance(self.native.values[number].dtype.name))

        def rounding() -> Array:
            dtypes = [value.dtype.name for value in self.forward.values]
            moved = native.scatter(self.forward, self.exact, self.cotangents, number, dtypes)
            return native.CONDITIONING * moved

        examination = Examination(differences, steps, gradients, Rule.of(rtol, settings.atol, eps), rounding)
        examination.run(self._grouping(differences, point))
        return examination

    def _conclude(self, number: int, examination: Examination) -> tuple[Variable, str | None]:
        """One variable's part of the report, and the line that explains its failure."""
        reason = self._own_dtype(number, examination)
        closed = self.closed.get(self.names[number])
        if closed is not None:
            apart = np.abs(closed.reshape(-1) - examination.difference)
            examination.verdicts[~(apart <= examination.tolerance)] = ElementVerdict.MISMATCH
        variable = self._reported(number, examination, reason, closed)
        self.evaluations += examination.differences.evaluations
        self._warn(variable, examination, examination.differences)
        return variable, diagnose(self._evidence(number, variable, examination))

    def _own_dtype(self, number: int, examination: Examination) -> str | None:
        """Hold the tape at the tensors' own dtype against the one at float64: why it fails, if it does."""
        own = self.own.reasons[number]
        if own is None and self.exact is not self.own:
            dtype = self.native.values[number].dtype.name
            loss = native.compare(
                self.forward, self.native, self.exact, self.own, self.cotangents, number, examination.size
            )
            examination.verdicts[loss.nonfinite] = ElementVerdict.NONFINITE
            examination.verdicts[loss.wrong] = ElementVerdict.MISMATCH
            if loss.conditioned.size:
                self.warnings.append(loss.in_words(self.names[number], dtype))
            if loss.wrong.size:
                own = f"the {dtype} tape gradient is off the float64 one by {loss.worst:.2g} of its size"
        elif own is not None and own is not tape.NO_GRADIENT:
            examination.verdicts[:] = ElementVerdict.MISMATCH
        failing = (examination.verdicts >= ElementVerdict.MISMATCH).any()
        return own if failing else None

    def _reported(
        self, number: int, examination: Examination, reason: str | None, closed: Array | None
    ) -> Variable:
        shape = tuple(self.forward.values[number].shape.as_list())
        return Variable(
            self.names[number],
            self.target.inputs[self.names[number]].dtype.name,
            self.exact.gradients[number][0],
            examination.difference.reshape(shape),
            examination.tolerance.reshape(shape),
            examination.verdicts.reshape(shape),
            closed,
            reason,
        )

    def _grouping(self, differences: Differences, point: Array) -> Grouping:
        if self.settings.method is Method.ELEMENTWISE:
            return elementwise(point.shape, len(self.forward.outputs))
        generator = np.random.default_rng([self.settings.seed, 4])
        # A good part of each element, in its own sign: far enough to meet a maximum's other candidates.
        move = generator.uniform(0.25, 0.5, point.shape) * generator.choice([-1.0, 1.0], point.shape)
        moved = (point + move * np.where(point == 0, typical(point), point)).astype(point.dtype)

        def changed(mask: Array) -> Any:
            values = list(self.forward.values)
            values[differences.variable] = tf.constant(np.where(mask, moved, point))
            return np.asarray(differences.at(values).numpy() != self.base)

        return find(point.shape, self.forward.outputs, changed)

    def _evidence(self, number: int, variable: Variable, examination: Examination) -> Evidence:
        shape = self.forward.outputs[0].shape

        def neighbour() -> Array:
            values = [precision.nudged(value, self.settings.seed) for value in self.forward.values]
            nearby = tape.record(self.forward.at(values), self.cotangents[:1])
            return np.asarray(nearby.gradients[number][0])

        return Evidence(
            variable,
            self.exact.gradients[number],
            self.forward.values[number].numpy().astype(np.float64),
            examination.corner.reshape(variable.shape),
            shape[0] if shape else 1,
            neighbour,
        )

    def _warn(self, variable: Variable, examination: Examination, differences: Differences) -> None:
        name = variable.name
        corners = variable.counts["kink"]
        if corners:
            where = [int(i) for i in np.argwhere(variable.verdicts == ElementVerdict.KINK)[0]]
            self.warnings.append(
                f"{name}: {corners:,} of {variable.verdicts.size:,} elements are at a kink (first: {where}), "
                "a corner, where there is no single derivative and the tape's value is a valid one."
            )
        if examination.one_sided:
            self.warnings.append(
                f"{name}: {examination.one_sided:,} elements at the edge of the function's domain were "
                "differenced on one side only, by a one-sided formula of second order."
            )
        faint = examination.faint()
        if faint.size:
            self.warnings.append(
                f"{name}: {faint.size:,} elements are below what differences can resolve (an error up to "
                f"{float(examination.bound[faint].max()):.2g} could not be seen)."
            )
        if not differences.evaluation.traces:
            self.warnings.append(
                f"{name}: the function does not trace into a graph and was run eagerly, slower."
            )

    def _in_words(self) -> str:
        dtypes = sorted({value.dtype.name for value in self.native.values})
        if self.forward is self.native and self.effective.name != "float64":
            return f"tape and differences in {self.effective.name}"
        rounded = "" if self.effective.name == "float64" else f" (rounded to {self.effective.name} inside)"
        own = "" if dtypes == ["float64"] else f", tape also in {' and '.join(dtypes)}"
        return f"tape and differences in float64{rounded}{own}"


def _sensitivity(variables: list[Variable]) -> tuple[float, float] | None:
    """Smallest relative error that would have been seen: median and worst over elements that are not 0."""
    shares = []
    for variable in variables:
        scale = np.abs(variable.difference)
        seen = (variable.verdicts == ElementVerdict.MATCH) & (scale > 0)
        shares.append(variable.tolerance[seen] / scale[seen])
    every = np.concatenate(shares) if shares else np.zeros(0)
    return (float(np.median(every)), float(every.max())) if every.size else None
