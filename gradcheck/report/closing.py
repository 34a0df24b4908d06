"""The sentence that a report closes with: what was checked, how it ended, and what decided that."""

from collections.abc import Sequence

import numpy as np

from gradcheck.notes import Kind
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable
from gradcheck.verdicts.verdict import Comparison, ElementVerdict, Verdict

NAMED = 3
"""Variables that are named; of more, their number is given."""


def conclusion(findings: Findings) -> str:
    """One sentence, which can be read alone."""
    said = {Verdict.FAIL: _failed, Verdict.INCONCLUSIVE: _open, Verdict.PASS: _passed}[findings.verdict]
    return f"{findings.target}: {said(findings)}"


def _passed(findings: Findings) -> str:
    variables = findings.variables
    if not variables:
        return _compared(findings.comparisons, "agree")
    kinks, checked = _count(variables, ElementVerdict.KINK), sum(int(v.checked.sum()) for v in variables)
    size = sum(v.verdicts.size for v in variables)
    among = f"{_elements(checked)} of {_names(variables)}"
    if checked < size:
        among = f"{checked:,} checked elements, of {size:,}, of {_names(variables)}"
    third = _agreeing(variables)
    if kinks == 0:
        return f"tape and differences agree in {'all ' if checked > 1 else ''}{among}{third}"
    at = f"{kinks:,} {'is' if kinks == 1 else 'are'} at a kink, with a valid value"
    return f"tape and differences agree in {checked - kinks:,} of {among}, {at}{third}"


def _agreeing(variables: Sequence[Variable]) -> str:
    """That given gradients agree, where there are any."""
    given = [v for v in variables if v.given is not None]
    if not given:
        return ""
    one = len(given) == 1
    return f"; the given gradient{'' if one else 's'} of {_names(given)} agree{'s' if one else ''} too"


def _failed(findings: Findings) -> str:
    wrong = [v for v in findings.worst_variables if v.verdict >= ElementVerdict.MISMATCH]
    if wrong:
        count = sum(_count(wrong, verdict) for verdict in (ElementVerdict.MISMATCH, ElementVerdict.NONFINITE))
        if _given_alone(findings, wrong):
            where = f"in {count:,} of {_among(wrong)} where tape and differences agree"
            return f"the given gradient is wrong {where} (worst: {_worst(wrong[0])})"
        verb = "fails" if count == 1 else "fail"
        return f"{count:,} of {_among(wrong)} {verb} (worst: {_worst(wrong[0])})"
    apart = [one for one in findings.comparisons if one.verdict >= ElementVerdict.MISMATCH]
    if apart:
        return _compared(apart, "disagree")
    kinks = [v for v in findings.worst_variables if v.counts["kink"]]
    count = _count(kinks, ElementVerdict.KINK)
    return (
        f"{count:,} of {_among(kinks)} {'is' if count == 1 else 'are'} at a kink, which --strict counts as a "
        "failure; nothing else disagrees"
    )


def _given_alone(findings: Findings, wrong: Sequence[Variable]) -> bool:
    """Whether nothing is wrong with the tape, but with what a user gives beside it."""
    topics = {note.variable: note.topic for note in findings.notes if note.kind is Kind.DIAGNOSIS}
    apart = any(one.verdict >= ElementVerdict.MISMATCH for one in findings.comparisons)
    return not apart and all(topics.get(v.label) == "given gradient" for v in wrong)


def _open(findings: Findings) -> str:
    untold = [v for v in findings.worst_variables if v.verdict is ElementVerdict.INCONCLUSIVE]
    if untold:
        count = _count(untold, ElementVerdict.INCONCLUSIVE)
        named = [f"{v.label}{v.untold}" for v in untold if v.untold is not None]
        worst = f" (worst: {named[0]})" if named else ""
        return f"{count:,} of {_among(untold)} could not be judged{worst}; nothing disagrees"
    left = [one for one in findings.comparisons if one.verdict is ElementVerdict.INCONCLUSIVE]
    return _compared(left, "could not be compared") if left else "nothing was checked"


def _compared(comparisons: Sequence[Comparison], verb: str) -> str:
    sides = dict.fromkeys(f"{one.what} and {one.against}" for one in comparisons)
    names = list(dict.fromkeys(one.variable for one in comparisons))
    return f"{', '.join(sides)} {verb} for {_listed(names, 'variables')}"


def _worst(variable: Variable) -> str:
    index = list(variable.worst_index)
    ratio = variable.worst_ratio
    size = f"error {_times(ratio)} its tolerance" if np.isfinite(ratio) else "no finite number"
    return f"{variable.label}{index if index else ''}, {size}"


def _times(ratio: float) -> str:
    """A ratio above 1 in two digits, more where they would hide that it is above 1."""
    if ratio >= 10:
        return f"{float(f'{ratio:.1e}'):,.0f} times" if ratio < 1e7 else f"{ratio:.2g} times"
    return f"{ratio:.2g} times" if float(f"{ratio:.2g}") > 1 else "just above"


def _among(variables: Sequence[Variable]) -> str:
    end = "," if _orders(variables) else ""
    return f"{_elements(sum(v.verdicts.size for v in variables))} of {_names(variables)}{end}"


def _elements(count: int) -> str:
    return f"{count:,} element{'' if count == 1 else 's'}"


def _names(variables: Sequence[Variable]) -> str:
    if orders := _orders(variables):
        names = list(dict.fromkeys(v.name for v in variables))
        return f"{_listed(names, 'variables')}, at orders {orders}"
    return _listed([v.label for v in variables], "variables")


def _orders(variables: Sequence[Variable]) -> str:
    """The orders, where there are several and each is that of all variables; else nothing."""
    orders = sorted({v.order for v in variables})
    whole = len(orders) * len({v.name for v in variables}) == len(variables)
    if not whole or len(orders) < 2:
        return ""
    if len(orders) > 2 and orders[-1] - orders[0] == len(orders) - 1:
        return f"{orders[0]} to {orders[-1]}"
    return f"{', '.join(map(str, orders[:-1]))} and {orders[-1]}"


def _listed(names: Sequence[str], kind: str) -> str:
    if len(names) > NAMED:
        return f"{len(names):,} {kind}"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _count(variables: Sequence[Variable], verdict: ElementVerdict) -> int:
    return sum(v.counts[verdict.label] for v in variables)
