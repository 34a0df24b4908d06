"""The progress bar: late, only for somebody who watches, and gone at the end."""

from __future__ import annotations

import io
import sys
import time

import pytest

from gradcheck.cli.observing import observer
from gradcheck.progress import Forecast
from gradcheck.render import progress

LONG = Forecast(elements=1500, evaluations=3000, seconds=600.0)
SHORT = Forecast(elements=10, evaluations=20, seconds=0.1)


class Terminal(io.StringIO):
    """Standard error of somebody who watches."""

    def isatty(self) -> bool:
        return True


def watching(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Called in the test itself, for pytest puts its own stream back between fixtures and test."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setenv("TERM", "xterm")
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the bar sees; nobody waits for it."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_nothing_within_a_second(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    terminal = watching(monkeypatch)
    with progress.Bar() as bar:
        bar.start(SHORT)
        for _ in range(5):
            clock[0] += 0.15
            bar.advance(2, 4)
    assert terminal.getvalue() == ""


def test_a_bar_after_a_second_which_is_taken_away(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    terminal = watching(monkeypatch)
    with progress.Bar() as bar:
        bar.start(Forecast(elements=1200, evaluations=2400, seconds=0.1))
        bar.advance(400, 1000)
        before = terminal.getvalue()
        clock[0] += 1.5
        bar.advance(200, 2500)
    assert before == ""
    assert "600 of 1,200 elements" in terminal.getvalue()
    assert "2,500 evaluations" in terminal.getvalue()
    # The cursor is back where it was, and the line is cleared.
    assert terminal.getvalue().endswith(("\x1b[2K", "\x1b[2K\x1b[?25h", "\x1b[1A\x1b[2K"))


def test_what_is_long_is_announced_at_once(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    terminal = watching(monkeypatch)
    with progress.Bar() as bar:
        bar.start(LONG)
    assert terminal.getvalue().strip() == (
        "about 3,000 evaluations of the function, 1,500 elements one by one, 600 s"
    )


def test_a_check_that_ends_at_once_needs_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watching(monkeypatch)
    with progress.Bar() as bar:
        bar.advance(1, 2)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("watched", [False, True])
def test_only_at_a_terminal_and_not_when_quiet(
    monkeypatch: pytest.MonkeyPatch, quiet: bool, watched: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal() if watched else io.StringIO())
    found = observer(quiet=quiet, verbose=False)
    assert isinstance(found, progress.Bar) == (watched and not quiet)
