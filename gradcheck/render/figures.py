"""The figures of a report, or of a suite, by matplotlib: one picture as PNG, SVG or PDF.

Same report, same bytes: a user's own settings of matplotlib have no part in it, nor are they changed.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from gradcheck.report.closing import conclusion
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from gradcheck.verdicts.sweep import Sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VARIABLES = 8
"""Variables that are drawn, the worst first: more are too small to read on one picture."""
CHECKS = 40
"""Checks of an overview, those first that ended otherwise than expected."""
DPI = 110
"""Pixels an inch."""


def to_picture(found: SuiteReport | Sweep, form: str) -> bytes:
    """The picture as `png`, `svg` or `pdf`; of a suite of one check that of its report."""
    import matplotlib

    # Without these two, SVG and PDF hold the time.
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
    written = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name in signs that the font has not
        matplotlib.rcdefaults()
        # A $ in a name is no formula, and the ids in SVG follow from the salt.
        matplotlib.rcParams.update({"text.parse_math": False, "svg.hashsalt": "gradcheck", "font.size": 10})
        figure = _swept(found) if isinstance(found, Sweep) else _figure(found)
        figure.savefig(written, format=form, metadata=metadata, dpi=DPI)
    return written.getvalue()


def _figure(suite: SuiteReport) -> Figure:
    from gradcheck.render import figures_axes
    from gradcheck.render.figures_sheet import Sheet

    results = sorted(suite.results, key=lambda result: result.expectedly)
    single = results[0] if len(results) == 1 and not suite.not_run else None
    # Of a suite those alone that ended otherwise than expected.
    drawn = [result.outcome for result in results if single or not result.expectedly]
    reports = [outcome for outcome in drawn if isinstance(outcome, Findings)]
    shown = [(report, v) for report in reports for v in report.worst_variables][:VARIABLES]
    sheet = Sheet(_title(suite, single))
    if single is None:
        figures_axes.overview(sheet, results[:CHECKS], len(results))
    for report in reports if single else []:
        figures_axes.charts(sheet, report)
    for report, variable in shown:
        figures_axes.maps(sheet, report, variable)
    return sheet.finished()


def _swept(sweep: Sweep) -> Figure:
    from gradcheck.render import figures_axes
    from gradcheck.render.figures_sheet import Sheet

    sheet = Sheet(f"{sweep.target}: error of the finite difference by step")
    (ax,) = sheet.row(5.2, "", (0.9, 0.35, 10.6, 4.0))
    figures_axes.curve(ax, sweep)
    return sheet.finished()


def _title(suite: SuiteReport, single: CheckResult | None) -> str:
    """What is drawn, and how it ended."""
    if single is None:
        counts = ", ".join(f"{count:,} {word}" for word, count in suite.counts.items())
        return f"{suite.name}: {counts or 'no check was run'}"
    if isinstance(single.outcome, Failure):
        return f"{single.name}: error\n{single.outcome.found}"
    size = len(single.outcome.variables)
    more = f"\nThe {VARIABLES} worst of {size:,} variables." if size > VARIABLES else ""
    return f"{single.word.upper()}  {conclusion(single.outcome)}{more}"
