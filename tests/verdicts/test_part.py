"""What is said of the parts of a function that were checked by themselves."""

from __future__ import annotations

from gradcheck.function.call_kind import CallKind
from gradcheck.verdicts.part import Part, told
from gradcheck.verdicts.verdict import ElementVerdict

MATCH, MISMATCH, UNCHECKED = ElementVerdict.MATCH, ElementVerdict.MISMATCH, ElementVerdict.UNCHECKED
GRADIENT, OPERATION = CallKind.FUNCTION, CallKind.OPERATION


def part(
    name: str, verdict: ElementVerdict, calls: int = 1, looked_at: int = 1, kind: CallKind = GRADIENT
) -> Part:
    return Part(kind, name, "/home/ops.py", 7, "", calls, looked_at, verdict)


RIGHT, WRONG = part("f", MATCH), part("g", MISMATCH)
ALL_THE_SAME = "the function as a whole is right at this point all the same"
BETWEEN = "look between them, for a cut gradient, a wrong sum or an input that is not watched"


def test_what_is_wrong_by_itself() -> None:
    infinite = part("h", ElementVerdict.NONFINITE)
    said = told([WRONG, RIGHT, infinite], failed=True)

    assert said == (
        "h (ops.py:7): has no finite gradient here; g (ops.py:7): wrong by itself; 1 custom gradient: right"
    )
    assert told([WRONG], failed=False) == f"g (ops.py:7): wrong by itself; {ALL_THE_SAME}"
    assert told([RIGHT, WRONG, RIGHT], failed=False) == (
        f"g (ops.py:7): wrong by itself; 2 custom gradients: right; {ALL_THE_SAME}"
    )


def test_where_all_parts_are_right_the_mistake_is_between_them() -> None:
    few = part("f", ElementVerdict.KINK, calls=3)

    assert told([RIGHT, RIGHT], failed=True) == f"2 custom gradients: right; {BETWEEN}"
    assert told([RIGHT, RIGHT], failed=False) == "2 custom gradients: right"
    assert told([RIGHT, few], failed=True) == (
        "2 custom gradients: right in the 2 of 4 calls that were looked at"
    )


def test_what_is_not_known() -> None:
    unseen = [part(name, UNCHECKED, looked_at=0) for name in "abcde"]
    tried = part("f", ElementVerdict.INCONCLUSIVE)

    assert told([tried, *unseen], failed=True) == (
        "could not be judged by itself: f (ops.py:7); "
        "not looked at: a (ops.py:7), b (ops.py:7), c (ops.py:7) and 2 more"
    )
    assert told(unseen[:3], failed=False) == "not looked at: a (ops.py:7), b (ops.py:7), c (ops.py:7)"


def test_a_stopped_gradient_and_where_it_is() -> None:
    stop = Part(OPERATION, "StopGradient", "/home/ops.py", 9, "outer/inner", 1, 1, MISMATCH)
    nowhere = Part(OPERATION, "Exp", "", 0, "", 1, 1, MISMATCH)

    assert told([stop, nowhere], failed=True) == (
        "TensorFlow's StopGradient (ops.py:9), called in outer/inner: lets no gradient through; "
        "TensorFlow's Exp: wrong by itself"
    )
