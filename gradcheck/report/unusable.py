"""A gradient that is none: None, or of another shape or dtype than its variable, and what lies behind it."""

from __future__ import annotations

from gradcheck.function.stopped import ASSIGN, CUSTOM, NUMPY, PY_FUNC
from gradcheck.function.tape import NO_GRADIENT
from gradcheck.report.evidence import Evidence

CUTS = {
    "StopGradient": "tf.stop_gradient",
    PY_FUNC: PY_FUNC,
    NUMPY: "a call of .numpy()",
    ASSIGN: "an assignment to a tf.Variable",
}
"""What passes no gradient on, as a user knows it."""
FLAT = {
    "Cast": "a cast to integers",
    "ArgMax": "tf.argmax",
    "ArgMin": "tf.argmin",
    "Floor": "tf.floor",
    "Ceil": "tf.ceil",
    "Round": "tf.round",
    "Rint": "tf.rint",
    **dict.fromkeys(("Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual"), "a comparison"),
}
"""What passes none on either, and has a derivative of 0 but for jumps: beside another it is no cause."""


def unusable(e: Evidence) -> str | None:
    """Why a variable fails as a whole, with what can be said of the cause; None where it does not."""
    reason = e.variable.reason
    if reason is None or reason != NO_GRADIENT:
        mended = reason is not None and (e.judgement.error_ratio[e.failing] <= 1).all() and e.moved.all()
        return f"{reason}; its values are right" if mended else reason
    stopped, taken = e.probe.stops()
    if not taken and not stopped:
        return f"{reason}: no TensorFlow operation takes it, as where NumPy computes from it"
    steep = [one for one in stopped if one.kind not in FLAT] or stopped
    own = sorted({one.function for one in steep if one.kind == CUSTOM})
    cuts = sorted({(CUTS | FLAT).get(one.kind, "") for one in steep if one.kind != CUSTOM})
    # Every path to the outputs has to be accounted for.
    if not steep or "" in cuts:
        return reason
    said = [f"the custom gradient of `{name}` returned None" for name in own]
    said += [f"{_list(cuts)} in the function lets none through"] if cuts else []
    return f"{reason}: {' and '.join(said)}"


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
