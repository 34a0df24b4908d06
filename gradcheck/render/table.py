"""A Report as tables for people: coloured for a terminal, plain and complete for everything else."""

import io
import os
import re
from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.text import Text

from gradcheck.errors import legible
from gradcheck.render import closing
from gradcheck.render.due import due
from gradcheck.render.elements import elements, heading
from gradcheck.render.heatmap import BLOCK, heatmaps
from gradcheck.render.layout import indented, labelled
from gradcheck.render.plain_ascii import encodable
from gradcheck.render.summary import comparisons, summary
from gradcheck.render.words import shortened
from gradcheck.report.findings import Findings

# Wider than any table: off a terminal no column is left out, and no line is broken.
ENDLESS = 100_000
_COLOUR = re.compile(r"(\x1b\[[0-9;]+m)")
"""What a terminal is to obey."""


def to_text(report: Findings) -> str:
    """Plain text as wide as it needs: no escape codes, no column left out."""
    return to_terminal(report, None, False)


def to_terminal(report: Findings, width: int | None, color: bool, encoding: str = "utf-8") -> str:
    """Text for a terminal of `width` columns, or for a pipe, where it is as wide as it needs."""
    width = ENDLESS if width is None else width
    return drawn(document(report, width, blocks=encodable(BLOCK, encoding)), width, color)


def drawn(document: RenderableType, width: int, color: bool) -> str:
    """Something rich can print, as text."""
    written = io.StringIO()
    console = Console(
        file=written,
        width=width,
        height=ENDLESS,  # with one of the two alone, rich asks the environment for both
        force_terminal=color,
        color_system=_colors() if color else None,
        no_color=not color,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    console.print(document)
    text = written.getvalue()
    parts = _COLOUR.split(text) if color else [text]
    parts[::2] = map(legible, parts[::2])
    lines = "".join(parts).split("\n")
    return "".join(f"{line.rstrip()}\n" for line in lines[:-1])


def _colors() -> Literal["standard", "256", "truecolor"]:
    """The colours that the variables of a terminal promise: 16 unless they name more."""
    if os.environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "truecolor"
    return "256" if os.environ.get("TERM", "").endswith(("256color", "kitty")) else "standard"


def document(report: Findings, width: int, *, blocks: bool = True) -> Group:
    """The whole report as something rich can print, laid out for `width` columns; `blocks`: with half blocks
    in heat maps where there are colours."""
    parts: list[RenderableType] = [Text(shortened(f"gradcheck {report.target}", width), style="bold")]
    for variable in report.detailed:
        parts += [Text(), *heading(report, variable, width), elements(report, variable, width)]
    if report.variables:
        parts += [Text(), summary(report, width)]
        parts += [Text(), heatmaps(report, width, blocks=blocks)] if report.heatmap else []
    if report.comparisons:
        parts += [Text(), comparisons(report, width)]
    parts += [Text(), labelled(list(closing.lines(report)), width)]
    parts += [Text(), labelled([closing.verdict(report)], width)]
    if word := due(report):
        parts += [
            Text(line, "dim") for line in indented(f"what this means: gradcheck explain {word}", width, 1)
        ]
    return Group(*parts)
