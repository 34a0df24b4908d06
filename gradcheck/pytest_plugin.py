"""The pytest plugin: a fixture that fails a test whose gradient is wrong, and a page of all checks.

Works under pytest-xdist: the workers send what they have found to the process that started them.
"""

import base64
import pickle
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gradcheck.checking import Report, check
from gradcheck.errors import GradcheckError, GradientError
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from gradcheck.settings import OPTIONS

OPTION = "--gradcheck-html"
_RESULTS = pytest.StashKey[list[CheckResult]]()
"""Every check of this process, if a page is wanted."""
_UNWRITTEN = pytest.StashKey[GradcheckError]()
"""Why there is no page."""
_SENT = "gradcheck"
"""What a worker's results are called on their way to the process that started it."""


class Checker:
    """What the fixture `gradcheck` is."""

    def __init__(self, name: str, settings: Mapping[str, Any], results: list[CheckResult] | None) -> None:
        """`name` is that of the test; `settings` hold where a call says nothing else; `results` keep every
        check, None where nobody wants them."""
        self._name, self._settings, self._results = name, settings, results
        self._count = 0

    def __call__(self, function: Callable[..., Any], inputs: Mapping[str, Any], **given: Any) -> Report:
        """Check as `gradcheck.check` does, with the settings of [tool.gradcheck.defaults] and those given.

        Raises `GradientError`, an AssertionError with the diagnosis and the worst elements, unless everything
        agrees; `GradcheckError` if the check cannot run.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        report = self._kept(lambda: check(function, inputs, **{**self._settings, **given}))
        if not report.passed:
            from gradcheck.render.short import to_short

            raise GradientError(to_short(report))
        return report

    def _kept(self, made: Callable[[], Report]) -> Report:
        __tracebackhide__ = True
        from gradcheck.cli.ending import Ending
        from gradcheck.errors import legible

        self._count += 1
        name = self._name if self._count == 1 else f"{self._name} #{self._count}"
        began = time.perf_counter()

        def keep(outcome: Report | Failure) -> None:
            if self._results is not None:
                self._results.append(CheckResult(name, outcome, seconds=time.perf_counter() - began))

        try:
            report = made()
        except GradcheckError as error:
            keep(Ending.of(error).failure)
            # The user's own lines are in the message, and those of gradcheck tell nothing. What pytest-xdist
            # sends holds no halves of characters, as a file name may.
            raise type(error)(legible(error.found), legible(error.remedy)) from None
        except (Exception, KeyboardInterrupt):  # a call that is none, and Ctrl-C
            raise
        except BaseException as error:  # SystemExit, say: what the function raises is how its check ended
            keep(Ending.of(error).failure)
            raise
        keep(report)
        return report


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --gradcheck-html."""
    group = parser.getgroup("gradcheck", "gradients")
    group.addoption(OPTION, metavar="FILE", help="Write a page with every check of the fixture gradcheck.")


def pytest_configure(config: pytest.Config) -> None:
    """Look at where the page goes before anything runs."""
    if (file := config.getoption(OPTION)) is None:
        return
    config.stash[_RESULTS] = []
    if not _is_worker(config):
        try:
            refusal = _place(file).refusal()
        except GradcheckError as error:
            refusal = error
        if refusal is not None:
            raise pytest.UsageError(str(refusal))


@pytest.fixture(scope="session")
def _gradcheck_settings(pytestconfig: pytest.Config) -> Mapping[str, Any]:
    """The settings of a check in [defaults] of the nearest suite above the root of the tests."""
    from gradcheck.cli.vocabulary import vocabulary
    from gradcheck.suite.finding import find_suite
    from gradcheck.suite.reading import read_suite

    file = find_suite(Path(pytestconfig.rootpath))
    defaults = {} if file is None else read_suite(file, vocabulary()).defaults
    return {
        name: OPTIONS[name].kind.parse(value) if isinstance(value, str) else value
        for name, value in defaults.items()
        if name in OPTIONS
    }


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest, _gradcheck_settings: Mapping[str, Any]) -> Checker:
    """Check a gradient; the test fails, with the worst elements in its report, unless everything agrees."""
    return Checker(request.node.nodeid, _gradcheck_settings, request.config.stash.get(_RESULTS, None))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page, or send what it is made of."""
    config = session.config
    if (results := config.stash.get(_RESULTS, None)) is None:
        return
    if _is_worker(config):
        config.workeroutput[_SENT] = base64.b64encode(pickle.dumps(results)).decode()  # type: ignore[attr-defined]
        return
    from gradcheck.render.html import to_html

    ordered = tuple(sorted(results, key=lambda result: result.name))
    if ordered:
        seconds = sum(result.seconds for result in ordered)
        page = to_html(SuiteReport("pytest", ordered, seconds=seconds))
        try:
            _place(config.getoption(OPTION)).write(page.encode())
        except GradcheckError as error:
            config.stash[_UNWRITTEN] = error
            session.exitstatus = session.exitstatus or pytest.ExitCode.USAGE_ERROR


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of pytest-xdist has found; one that died has sent nothing."""
    sent = getattr(node, "workeroutput", {}).get(_SENT)
    if sent is not None:
        node.config.stash[_RESULTS] += pickle.loads(base64.b64decode(sent))


# The name in quotes: pytest has it since 8.4 only, and every run of an older one reads this file.
def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    """Say where the page is, or why it is nowhere."""
    if (error := config.stash.get(_UNWRITTEN, None)) is not None:
        terminalreporter.write_line(f"ERROR: {error}", red=True)
    elif results := config.stash.get(_RESULTS, None):
        terminalreporter.write_line(f"gradcheck: {len(results):,} checks in {config.getoption(OPTION)}")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _place(file: str) -> Any:
    from gradcheck.cli.outputs import Place

    return Place.of(OPTION, file)
