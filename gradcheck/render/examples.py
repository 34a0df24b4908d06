"""Examples beside their known answers on one screen: a line for each variable, and lessons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Group
from rich.text import Text

from gradcheck.render.layout import Column, Form, labelled, table
from gradcheck.render.numbers import number, significant
from gradcheck.render.summary import counts
from gradcheck.render.table import ENDLESS, drawn
from gradcheck.report.findings import Findings

DROPPED = "gradient", "known answer"
"""Columns in the order in which they are left out."""
DIGITS = 5
"""Digits of numbers that are known."""


@dataclass(frozen=True)
class Shown:
    """An example that was checked."""

    name: str
    report: Findings
    answers: Mapping[str, Any]
    """The gradient of each variable by a textbook."""
    lesson: str
    """What there is to learn; empty for nothing."""
    ended: bool
    """Whether it came out as it has to."""


def screen(examples: Sequence[Shown], closing: str, width: int | None, color: bool) -> str:
    """The worst element of every variable, the lessons, and the sentences that close."""
    width = ENDLESS if width is None else width
    ended = all(example.ended for example in examples)
    verdict = Text(*((" PASS ", "bold green") if ended else (" FAIL ", "bold white on red")))
    lessons = [
        (Text(example.name, "bold"), "\n".join([example.lesson, *example.report.diagnosis]))
        for example in examples
        if example.lesson
    ]
    verdicts = [variable.verdict for example in examples for variable in example.report.variables]
    document = Group(
        table(_forms(examples), verdicts, width, 0),
        Text(),
        labelled(lessons, width),
        Text(),
        labelled([(verdict, closing)], width),
    )
    return drawn(document, width, color)


def _forms(examples: Sequence[Shown]) -> Iterator[Form]:
    rows = [row for example in examples for row in _rows(example)]
    headings = ("example", "gradient", "known answer", "tape", "finite difference")
    columns = [Column(*pair) for pair in zip(headings, zip(*rows, strict=True), strict=True)]
    variables = [variable for example in examples for variable in example.report.variables]
    yield False, [*columns, counts(variables, ", ")]
    stacked = counts(variables, ",\n")
    yield True, [*columns, stacked]
    for dropped in DROPPED:
        columns = [column for column in columns if column.heading != dropped]
        yield True, [*columns, stacked]


def _rows(example: Shown) -> Iterator[tuple[str, ...]]:
    for place, variable in enumerate(example.report.variables):
        index = variable.worst_index
        shown = min(DIGITS, significant(variable, index))
        answer = np.broadcast_to(np.asarray(example.answers[variable.name], np.float64), variable.shape)
        numbers = (
            number(float(array[index]), shown) for array in (answer, variable.tape, variable.difference)
        )
        of = f"∂y/∂{variable.name}" + (str(list(index)) if index else "")
        yield example.name if place == 0 else "", of, *numbers
