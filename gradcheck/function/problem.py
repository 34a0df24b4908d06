"""A target and its tensors → what is known at the point before any difference is taken.

The function is evaluated twice (finite? the same?), its tapes are recorded at the tensors' own dtype, twice,
and in float64, and its noise level is measured. Differences of a function that does not run in float64 see
only errors far above the rounding of its own dtype.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from gradcheck.arrays.cotangents import draw_cotangents
from gradcheck.arrays.large import view
from gradcheck.arrays.types import Array, eps_of
from gradcheck.errors import GradcheckError, NondeterministicError, ShapeError, TargetError
from gradcheck.function import noise_level, tape
from gradcheck.function.graph import counted, in_graph
from gradcheck.function.nearby import Conditioning
from gradcheck.function.noise_level import NoiseLevel
from gradcheck.function.primal import Meter, Primal
from gradcheck.function.tape import Tape
from gradcheck.function.unseen import UNSEEN, unseen
from gradcheck.function.wording import in_one_line, listed
from gradcheck.notes import Kind, Note
from gradcheck.progress import Progress, Stage
from gradcheck.settings import Settings
from gradcheck.targets.function import Target
from gradcheck.targets.user_frames import refusal


@dataclass(frozen=True)
class Problem:
    """One target at one point."""

    target: Target
    settings: Settings
    names: tuple[str, ...]
    """The variables."""
    upstream: Array | None
    """The upstream gradient to show; None for ones."""
    own: Primal
    """The function at the tensors' own dtype."""
    exact: Primal
    """The function in float64 where it runs there, else `own`: differences are those of this one."""
    base: Array
    """f at the point by `exact`, [outputs] float64."""
    cotangents: Array
    """[K, outputs]; the first is the one that is shown."""
    own_tape: Tape
    again: tuple[Array | None, ...]
    """For each variable, how far a second run of its backward pass is apart; None where it is the same."""
    exact_tape: Tape
    """The same object as `own_tape` where there is none in float64."""
    noise: NoiseLevel
    notes: tuple[Note, ...]
    meter: Meter
    """Evaluations of the whole check."""
    closed_forms: Mapping[str, Array] = field(default_factory=dict)
    """The textbook gradient of a variable, where there is one."""

    @cached_property
    def conditioning(self) -> Conditioning:
        """How far roundings move the tape."""
        return Conditioning(self.backward, self.exact_tape, self.cotangents)

    @property
    def backward(self) -> Primal:
        """The function whose tape is `exact_tape`: the one in float64, unless that has no backward pass."""
        return self.own if self.exact_tape is self.own_tape else self.exact

    def rounded_to(self, shares: Array) -> Problem:
        """The same problem with outputs known to be rounded to a share of themselves, [output tensors]."""
        sizes = [output.size for output in self.exact.outputs]
        return replace(self, noise=self.noise.at_least(shares, self.base, sizes))

    def of(self, target: Target, upstream: Array | None, progress: Progress, eps: float) -> Problem:
        """What is known of another target with the same variables and settings; `eps` as for `pose`."""
        return pose(target, self.settings, self.names, upstream, self.meter, progress, eps)

    def in_words(self) -> str:
        """The dtypes that tape and differences were computed in."""
        dtypes = sorted({value.dtype.name for value in self.own.values})
        float64 = self.exact is not self.own or self.noise.dtype == "float64"
        own = f", tape also in {' and '.join(dtypes)}" if float64 and dtypes != ["float64"] else ""
        return f"tape and differences in {self.precision_in_words()}{own}"

    def precision_in_words(self) -> str:
        """The dtype that differences were computed in, and the one that shows in them."""
        if not self.exact.in_float64 and self.noise.dtype != "float64":
            return self.noise.dtype
        inside = "" if self.noise.dtype == "float64" else f" (rounded to {self.noise.dtype} inside)"
        return f"float64{inside}"


def pose(
    target: Target,
    settings: Settings,
    names: tuple[str, ...],
    upstream: Array | None,
    meter: Meter,
    progress: Progress,
    eps: float | None = None,
) -> Problem:
    """Evaluate, record and measure.

    `eps` is the relative rounding of the outputs, where it is known and need not be measured. Raises
    `GradcheckError` where the function raises, answers differently in two calls, or is not finite.
    """
    own = Primal(target, names, None)
    exact, base, notes = _mathematics(own, settings, meter)
    progress.stage(Stage.POINT, meter.count, target.name, outputs=base.size)
    cotangents, own_tape, again, exact_tape, said = _tapes(own, exact, base, upstream, settings, meter)
    progress.stage(Stage.TAPES, meter.count, upstream_gradients=len(cotangents))
    noise = _noise(exact, base, settings, meter) if eps is None else noise_level.known(eps, base)
    closed_forms = _closed_forms(exact, cotangents[0])
    progress.stage(Stage.NOISE, meter.count, noise.dtype)
    return Problem(
        target,
        settings,
        names,
        upstream,
        own,
        exact,
        base,
        cotangents,
        own_tape,
        again,
        exact_tape,
        noise,
        (*notes, *said),
        meter,
        closed_forms,
    )


def _tapes(
    own: Primal, exact: Primal, base: Array, upstream: Array | None, settings: Settings, meter: Meter
) -> tuple[Array, Tape, tuple[Array | None, ...], Tape, list[Note]]:
    """Upstream gradients, the tapes for them at the tensors' own dtype, how far a second run is apart, the
    tapes in float64, and notes."""
    cotangents = draw_cotangents(base.size, _shown(own, upstream), settings.seed)
    own_tape, again = _own_tapes(own, cotangents)
    notes: list[Note] = []
    if upstream is None and (blind := unseen(own_tape, exact, base, settings.seed, meter)):
        # Ones stay among them, but a table of zeros would tell nobody anything.
        cotangents = cotangents[[1, 0, *range(2, len(cotangents))]]
        own_tape, again = _own_tapes(own, cotangents)
        notes.append(Note(Kind.WARNING, UNSEEN.format(listed([own.names[n] for n in blind]))))
    exact_tape, said = (own_tape, []) if exact is own else _exact_tape(exact, cotangents, own_tape)
    return cotangents, own_tape, again, exact_tape, [*notes, *_unchecked(own_tape), *said]


def _unchecked(own_tape: Tape) -> list[Note]:
    """A note of the variables that the function uses besides its inputs."""
    names = own_tape.unchecked
    return [Note(Kind.WARNING, tape.unchecked_in_words(names))] if names else []


def _evaluate(primal: Primal, settings: Settings, meter: Meter) -> tuple[Array, int]:
    """f(x), finite and the same twice, and the operations of one call."""
    name = primal.target.name
    try:
        first = view(primal.at_point())
        again, operations = counted(primal.at_point)
        second = view(again)
    except GradcheckError:
        raise
    except Exception as error:  # whatever a user's function raises
        raise refusal(name, error, "when it was evaluated") from error
    meter.add(2)
    bad = np.flatnonzero(~np.isfinite(first))
    if bad.size:
        raise TargetError(
            f"{name} is not finite at the given point: {primal.locate(int(bad[0]))} is {first[bad[0]]} "
            f"({bad.size} of {first.size} outputs).",
            "A derivative needs finite values around the point: change the tensors.",
        )
    apart = 0.0 if np.array_equal(first, second) else float(np.abs(first - second).max())
    if apart > settings.allow_nondeterministic:
        raise NondeterministicError(
            f"{name} gave two different outputs at one point, up to {apart:.3g} apart.",
            "Switch dropout off (training=False), set a seed inside the function, or pass "
            "--allow-nondeterministic with the size of the noise.",
        )
    return np.asarray(first), operations


def _mathematics(own: Primal, settings: Settings, meter: Meter) -> tuple[Primal, Array, list[Note]]:
    """The function in float64 where it runs there, otherwise as the user's tensors have it, and f(x)."""
    outputs, operations = _evaluate(own, settings, meter)
    ignored = f"Outputs that are not floating were ignored: {', '.join(own.ignored)}."
    notes = [Note(Kind.WARNING, ignored)] if own.ignored else []
    if own.in_float64:
        return *settled(own, outputs, operations), notes
    exact = Primal(own.target, own.names, "float64")
    try:
        return *settled(exact, *_evaluate(exact, settings, meter)), notes
    except NondeterministicError:
        raise
    except GradcheckError as error:
        found = in_one_line(error.found)
        said = f"The function does not run in float64, so that small errors cannot be seen: {found}"
        return *settled(own, outputs, operations), [Note(Kind.WARNING, said), *notes]


def settled(primal: Primal, base: Array, operations: int) -> tuple[Primal, Array]:
    """The function as it is evaluated from now on, which takes so many operations, and f(x) as it comes out
    then."""
    found = in_graph(primal, base, operations)
    return found, base if found is primal else view(found.evaluate(found.values, base.size))


def _shown(own: Primal, upstream: Array | None) -> Array | None:
    """The upstream gradient, if it has the shape of the output."""
    if upstream is None:
        return None
    shapes = [output.shape for output in own.outputs]
    wanted = shapes[0] if len(shapes) == 1 else (sum(output.size for output in own.outputs),)
    if upstream.shape != wanted:
        raise ShapeError(
            f"The upstream gradient has shape {upstream.shape}, the output {wanted}.",
            "Give one number for every output entry.",
        )
    return upstream


def _own_tapes(own: Primal, cotangents: Array) -> tuple[Tape, tuple[Array | None, ...]]:
    """Tape gradients at the tensors' own dtype, and how far a second run is apart from the first."""
    try:
        with tape.noting_ignored() as ignored:
            found = tape.record(own, cotangents)
        again = tape.record(own, cotangents[:1])
    except GradcheckError:
        raise
    except Exception as error:  # whatever a user's backward pass raises
        raise refusal(own.target.name, error, "in its backward pass") from error
    if ignored:
        found = replace(found, reasons=(tape.ignored_in_words(ignored),) * len(found.reasons))
    pairs = zip(found.gradients, again.gradients, strict=True)
    return found, tuple(tape.apart(*pair) for pair in pairs)


def _exact_tape(exact: Primal, cotangents: Array, own: Tape) -> tuple[Tape, list[Note]]:
    """Tape gradients in float64; those at the tensors' own dtype, and a note, where there are none."""
    try:
        return tape.record(exact, cotangents), []
    except Exception as error:  # whatever a backward pass does in a precision it was not written for
        said = f"The backward pass does not run in float64: {type(error).__name__}."
        return own, [Note(Kind.WARNING, said)]


def _noise(exact: Primal, base: Array, settings: Settings, meter: Meter) -> NoiseLevel:
    noise = settings.allow_nondeterministic
    if not exact.in_float64:
        return noise_level.known(max(eps_of(value.dtype.name) for value in exact.values), base, noise)
    return noise_level.measure(exact, base, settings.seed, noise, meter)


def _closed_forms(exact: Primal, shown: Array) -> dict[str, Array]:
    target = exact.target
    if target.closed_form is None:
        return {}
    inputs = {name: array.astype(np.float64) for name, array in target.inputs.items()}
    return target.closed_form(inputs, shown.reshape(exact.outputs[0].shape))
