"""How a backward pass uses the upstream gradient r where it is not linear in it.

What is said follows from how it answers (answers.py). What is linear and yet wrong is for mixed.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck.report.answers import SMALL, USED, Answers


def not_multiplied(answers: Answers) -> Iterator[str]:
    """A backward pass with a term that the upstream gradient does not multiply."""
    if answers.tells(answers.nothing):
        if answers.same(answers.one, answers.other) and answers.same(answers.one, answers.nothing):
            yield "the upstream gradient is ignored: the tape gradient is the same for all of them"
        yield f"{USED}for one of 0 the tape gradient is not 0, so that a term is not multiplied by it"


def non_linear(answers: Answers) -> Iterator[str]:
    """What the answers of a backward pass that is not linear say of it."""
    if answers.agree(answers.one, answers.twice) and answers.same(answers.one, SMALL * answers.small):
        yield f"{USED}only its direction or sign counts, twice of it gives the same tape gradient"
    even = answers.agree(answers.minus, answers.one)
    if answers.agree(answers.twice, 4 * answers.one):
        odd = "it times its size" if answers.odd else "its square or it times its size"
        what = "its square" if even else odd
        yield f"{USED}twice of it gives 4 times the tape gradient, as of {what}"
    if even:
        yield f"{USED}the tape gradient for its opposite −r is the same, so that its sign is lost"
    if _one_sided(answers):
        yield (
            f"{USED}for one the tape gradient is 0 and for its opposite it is not, as with a relu or a "
            "mask of it"
        )
    yield f"{USED}{_broken_rule(answers)}"


def _one_sided(answers: Answers) -> bool:
    """Whether the answer for r or −r is 0 at all elements, the other one is not, and 2 r gives twice it."""
    zero = 0 * answers.one
    left = answers.same(answers.one, zero) and answers.tells(answers.minus)
    right = answers.same(answers.minus, zero) and answers.tells(answers.one)
    return (left or right) and answers.same(answers.twice, 2 * answers.one)


def _broken_rule(answers: Answers) -> str:
    """The rule of linear ones that is not kept."""
    double = (
        ", though for twice one it is twice as much, as with a relu, a maximum or a norm of it"
        if answers.agree(answers.twice, 2 * answers.one)
        else ""
    )
    if not answers.additive:
        return f"the tape gradient for a sum of two upstream gradients is not the sum of theirs{double}"
    if not answers.odd:
        return f"the tape gradient for its opposite −r is not that for r with the other sign{double}"
    return "the tape gradient for twice of it is not twice as much"
