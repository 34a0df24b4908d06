"""Suites to draw: one of every ending, one of hostile names, and the sweep of an element."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck import Report
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from gradcheck.verdicts.sweep import Sweep
from gradcheck.verdicts.verdict import Verdict
from tests.hand_made import ALL, M, X, report, variable

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><b>",
    "\"quoted\" 'twice'",
    "a & b &amp; c",
    "$\\frac{$",
    "\x00\x1b[31m\ud800",
    "javascript:alert(1)",
    "梯度 ∂ \u202e",
)
"""Names that are markup, formulas, or no text at all."""


def swept(*, half: float = 0.0) -> Sweep:
    """|x|³ near 0.5, or with `half` a corner, as a check sweeps it."""
    steps = 10.0 ** np.linspace(-1, -10, 19)
    noise = 1e-16 / steps
    up, down = 0.75 + steps + noise, 0.75 - steps + steps**2 - noise
    numbers: dict[str, Any] = {
        "value": 0.5,
        "scale": 0.5,
        "tape": 0.7501,
        "step": 1e-5,
        "difference": 0.75,
        "bound": 1e-11,
    }
    return Sweep(
        target="f",
        variable="x",
        index=(0, 1),
        steps=steps,
        up=up + half,
        down=down - half,
        noise=noise,
        tolerance=7.5e-7,
        half=half,
        precision="float64",
        evaluations=40,
        **numbers,
    )


def alone(made: Report) -> SuiteReport:
    """A report as a suite of one check."""
    return SuiteReport("gradcheck", (CheckResult(made.target, made),), timing=made.timing)


def suite(*, timing: bool = True) -> SuiteReport:
    """A check of every ending, expected or not, and two that could not run."""
    ended = {name: replace(make(), sweep=swept(), timing=timing) for name, make in ALL.items()}
    results = [
        CheckResult(name, made, seconds=0.25, command=f"gradcheck {name}") for name, made in ended.items()
    ]
    results += [
        CheckResult("known", ended["fail"], Verdict.FAIL),
        CheckResult(
            "gone", Failure("TensorError", "There is no x.npy.", "Name a file."), place=("s.toml", 7)
        ),
        CheckResult("crash", Failure("Crashed", "Signal 6 (SIGABRT)."), printed="F0000 check failed\n" * 500),
    ]
    return SuiteReport("s.toml", tuple(results), ("later",), 1.5, timing)


def hostile() -> SuiteReport:
    """Names and texts that are to be shown, and to do nothing."""
    results = []
    for name in HOSTILE:
        made = report(variable([[M, X]], name=name, tape=[[1, 2]], difference=[[1, 3]]), target=name)
        results.append(CheckResult(name, made, command=name, printed=name, place=(name, 1)))
        results.append(CheckResult(name, Failure(name, name, name)))
    return SuiteReport(HOSTILE[0], tuple(results), HOSTILE)


def large(shape: tuple[int, ...], *, every: int = 1000) -> Report:
    """Many elements, of which one in so many fails."""
    random = np.random.default_rng(0)
    tape = random.normal(size=shape)
    verdicts = np.full(shape, M, np.uint8)
    verdicts.reshape(-1)[7::every] = X
    difference = np.where(verdicts == X, tape + 1e-3, tape + 1e-9 * random.normal(size=shape))
    return report(variable(verdicts, tape=tape, difference=difference))
