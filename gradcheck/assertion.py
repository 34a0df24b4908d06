"""The check as an assertion, for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcheck.checking import check
from gradcheck.errors import GradientError
from gradcheck.result import Report
from gradcheck.signature import takes_settings


@takes_settings
def assert_gradients(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    *,
    constants: Mapping[str, Any] | None = None,
    upstream: Any = None,
    **settings: Any,
) -> Report:
    """Check a gradient as `gradcheck.check` does, and raise unless everything agrees.

    Parameters
    ----------
    function, inputs, constants, upstream
        As for `gradcheck.check`.

    Returns
    -------
    Report
        The report of a check that passed.

    Raises
    ------
    GradientError
        An AssertionError, whose message is the diagnosis and a short table of the worst elements; also where
        elements could not be judged.
    GradcheckError
        If the check cannot run.
    """
    __tracebackhide__ = True  # pytest then shows the line of the test
    report = check(function, inputs, constants=constants, upstream=upstream, **settings)
    if not report.passed:
        from gradcheck.render.short import to_short

        raise GradientError(to_short(report))
    return report
