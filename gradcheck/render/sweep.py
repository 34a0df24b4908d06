"""A `Sweep` as text, a curve in a terminal and a table elsewhere, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from gradcheck.arrays.types import number_or_word
from gradcheck.render.curve import curve, drawable
from gradcheck.render.layout import Column, Form, labelled, table
from gradcheck.render.numbers import UNKNOWN, interval, number, ratio, small
from gradcheck.render.plain import SCHEMA
from gradcheck.render.table import ENDLESS, drawn
from gradcheck.render.words import shortened
from gradcheck.verdicts.sweep import Sweep
from gradcheck.verdicts.verdict import ElementVerdict
from gradcheck.version import __version__

DIGITS = 12
"""Of gradients: more than differences are good to."""
CHOSEN = "the check's"
INDENT = 2


def to_json(sweep: Sweep) -> str:
    """Indented JSON; numbers that are not finite are strings."""
    return json.dumps(to_dict(sweep), allow_nan=False, indent=2, ensure_ascii=False) + "\n"


def to_dict(sweep: Sweep) -> dict[str, object]:
    """A sweep as JSON values, the steps from coarse to fine."""
    columns = {
        "step": sweep.steps,
        "up": sweep.up,
        "down": sweep.down,
        "difference": sweep.differences,
        "error": sweep.errors,
        "distance": sweep.distances,
        "rounding": sweep.noise,
    }
    chosen = {
        "step": sweep.step,
        "difference": sweep.difference,
        "bound": sweep.bound,
        "error": sweep.error,
        "tolerance": sweep.tolerance,
    }
    rows = zip(*(map(number_or_word, column.tolist()) for column in columns.values()), strict=True)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "target": sweep.target,
        "element": sweep.element,
        "variable": sweep.variable,
        "index": list(sweep.index),
        "value": number_or_word(sweep.value),
        "scale": number_or_word(sweep.scale),
        "tape": number_or_word(sweep.tape),
        "chosen": {name: number_or_word(value) for name, value in chosen.items()},
        "interval": None if sweep.slopes is None else [number_or_word(end) for end in sweep.slopes],
        "judged": sweep.judged,
        "precision": sweep.precision,
        "evaluations": sweep.evaluations,
        "steps": [dict(zip(columns, row, strict=True)) for row in rows],
    }


def to_text(sweep: Sweep) -> str:
    """The table, without escape codes."""
    return to_terminal(sweep, None, False, "")


def to_terminal(sweep: Sweep, width: int | None, color: bool, encoding: str) -> str:
    """The curve for a terminal of `width` columns where it can be drawn, else the table."""
    columns = ENDLESS if width is None else width
    parts: list[RenderableType] = [
        Text(
            shortened(f"gradcheck sweep {sweep.target}, {sweep.element} = {sweep.value:.6g}", columns), "bold"
        ),
        Text(),
        labelled([(Text(label), said) for label, said in _said(sweep)], columns),
        Text(),
    ]
    if width is not None and drawable(encoding):
        parts.append(curve(sweep, width))
    else:
        parts.append(_table(sweep, columns))
    return drawn(Group(*parts), columns, color)


def _said(sweep: Sweep) -> Iterator[tuple[str, str]]:
    yield "tape", number(sweep.tape, DIGITS)
    if not sweep.judged and math.isfinite(sweep.bound):
        known = f"{number(sweep.difference, DIGITS)} ± {small(sweep.bound)}"
        yield "finite difference", f"{known}: not known well enough to judge the element"
    elif math.isfinite(sweep.bound):
        slopes = "" if sweep.slopes is None else f", a corner with slopes {interval(*sweep.slopes)}"
        yield "finite difference", f"{number(sweep.difference, DIGITS)} ± {small(sweep.bound)}{slopes}"
        relative = sweep.step / sweep.scale
        yield "the check's step", f"{small(sweep.step)}, {small(relative)} of max(|x|, rms x)"
    else:
        yield "finite difference", "not known: no step agrees with all finer ones"
    if sweep.judged and sweep.slopes is None and math.isfinite(sweep.tolerance):
        off = ratio(sweep.error / sweep.tolerance) if sweep.tolerance else UNKNOWN
        yield "error", f"{small(sweep.error)}, error/tolerance {off}"
    yield "evaluations", f"{sweep.evaluations:,}, differences in {sweep.precision}"


def _table(sweep: Sweep, width: int) -> RenderableType:
    """A line for each step, coarse to fine, and one for the check's own."""
    own = [sweep.step] if math.isfinite(sweep.bound) else []
    order = np.argsort(-np.append(sweep.steps, own), kind="stable").tolist()

    def column(heading: str, cells: Iterable[str], of_check: str = "") -> Column:
        every = [*cells, of_check]
        return Column(heading, [every[place] for place in order])

    columns = [
        column("step", map(small, sweep.steps), small(sweep.step)),
        column("finite difference", map(_gradient, sweep.differences), _gradient(sweep.difference)),
        column("error", map(small, sweep.errors), small(sweep.error)),
        column("rounding", map(small, sweep.noise)),
        column("", [""] * sweep.steps.size, CHOSEN),
    ]
    if sweep.slopes is not None:
        sides = {"slope up": sweep.up, "slope down": sweep.down}
        columns[1:1] = [column(heading, map(_gradient, side)) for heading, side in sides.items()]
    # Rows have no verdict; the check's own stands out.
    styles = [
        ElementVerdict.UNCHECKED if place < sweep.steps.size else ElementVerdict.MATCH for place in order
    ]
    return table(_forms(columns), styles, width, INDENT)


def _forms(columns: list[Column]) -> Iterator[Form]:
    yield False, columns
    yield True, columns
    yield True, [column for column in columns if column.heading != "rounding"]


def _gradient(value: float) -> str:
    return number(float(value), DIGITS) if math.isfinite(value) else UNKNOWN
