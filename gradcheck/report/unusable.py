"""A gradient that is none: None, or of another shape or dtype than its variable, and what lies behind it."""

from __future__ import annotations

from gradcheck.function.operations import NUMPY, PY_FUNC, Operation
from gradcheck.function.tape import NO_GRADIENT
from gradcheck.report.evidence import Evidence

CUTS = {
    "StopGradient": "tf.stop_gradient",
    PY_FUNC: PY_FUNC,
    "PyFunc": PY_FUNC,
    NUMPY: "a call of .numpy()",
    "AssignVariableOp": "an assignment to a tf.Variable",
    "Cast to integers": "a cast to integers",
    "ArgMax": "tf.argmax",
    "ArgMin": "tf.argmin",
    "Floor": "tf.floor",
    "Ceil": "tf.ceil",
    "Round": "tf.round",
    "Rint": "tf.rint",
}
"""What passes no gradient on."""


def unusable(e: Evidence) -> str | None:
    """Why a variable fails as a whole, with what can be said of the cause; None where it does not."""
    reason = e.variable.reason
    if reason is None or reason != NO_GRADIENT:
        mended = reason is not None and (e.judgement.error_ratio[e.failing] <= 1).all() and e.moved.all()
        return f"{reason}; its values are right" if mended else reason
    ran = e.probe.operations()
    cuts = sorted({CUTS[one.kind] for one in ran if one.kind in CUTS})
    if cuts:
        return f"{reason}: {_list(cuts)} in the function lets none through"
    return f"{reason}: no TensorFlow operation takes it{_how(ran)}" if not e.probe.taken(ran) else reason


def _how(ran: tuple[Operation, ...]) -> str:
    return ", as where NumPy computes from it" if ran else ""


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
