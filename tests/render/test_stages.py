"""The lines of --verbose: which stages a check went through, and that time and evaluations add up."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Report
from gradcheck.checking import check_target
from gradcheck.progress import Forecast, Progress, Stage
from gradcheck.render.progress import Bar
from gradcheck.render.stages import HEADS, Stages
from gradcheck.settings import Execution, Method, Mode, Settings
from gradcheck.targets.dense import dense
from gradcheck.targets.function import Target
from tests.corpus.case import distorted, one_element
from tests.saying import normal

Line = tuple[float, int, str, str]
"""Seconds, evaluations, stage, and what is told of it."""
HEAD = re.compile(r" *(\d+\.\d\d) s  ([ \d,]{11})  (.{17}|.*)(?:  (.*))?")
START = ["point", "tapes", "noise level"]


def parsed(lines: Sequence[str]) -> list[Line]:
    """The lines below the heads of the columns."""
    heads, *lines = "\n".join(lines).split("\n")
    assert heads == HEADS
    found = [HEAD.fullmatch(line) for line in lines]
    assert all(found), lines
    return [(float(m[1]), int(m[2].replace(",", "")), m[3].strip(), m[4] or "") for m in found if m]


def checked(target: Target, settings: Settings) -> tuple[Report, list[Line]]:
    """The report of a check and what was told of it."""
    lines: list[str] = []
    report = check_target(target, settings, progress=Stages(Progress(), lines.append))
    found = parsed(lines)
    assert found[-1][1:] == (report.evaluations, "in all", "")
    assert sum(evaluations for _, evaluations, _, _ in found[:-1]) == report.evaluations
    return report, found[:-1]


def stages(lines: list[Line]) -> list[str]:
    return [stage for _, _, stage, _ in lines]


def told(lines: list[Line], stage: str) -> list[str]:
    return [text for _, _, name, text in lines if name == stage]


def loss(x: Any, w: Any) -> Any:
    return tf.reduce_sum(tf.tanh(x @ w) ** 2)


def test_a_dense_layer_is_taken_in_groups() -> None:
    """x_ik moves row i of the outputs, w_kj and b_j their column j: 4, 4 and 1 groups are the fewest."""
    report, lines = checked(dense(x=normal(8, 4), w=normal(4, 30), b=normal(30)), Settings())

    assert report.passed
    assert stages(lines)[:6] == [*START, "sparsity", "sparsity", "sparsity"]
    assert told(lines, "point") == ["dense: 240 outputs"]
    assert told(lines, "tapes") == ["3 upstream gradients"]
    assert told(lines, "sparsity") == [
        "x: 32 elements, 4 groups",
        "w: 120 elements, 4 groups",
        "b: 30 elements, 1 group",
    ]
    assert told(lines, "differences") == ["x: 4 groups", "w: 4 groups", "b: 1 group"]
    # The function is straight: one pair of evaluations for each group.
    assert [evaluations for _, evaluations, stage, _ in lines if stage == "differences"] == [8, 8, 2]
    assert not {"confirming", "where", "directions", "settling"} & {*stages(lines)}


def test_a_loss_goes_along_directions() -> None:
    x, w = normal(20, 60), normal(60, 8)
    report, lines = checked(Target("loss", loss, {"x": x, "w": w}), Settings(method=Method.DIRECTIONS))

    assert report.passed
    assert report.directions is not None
    along = [text for text in told(lines, "directions") if text.endswith("20 directions")]
    assert len(along) == report.directions.strata > 0
    assert "one by one" in stages(lines)
    assert "differences" not in stages(lines)
    # Its sample, and each other element that is moved by itself.
    alone = [int(text.removesuffix("s").removesuffix(" element")) for text in told(lines, "one by one")]
    assert sum(alone) == report.directions.one_by_one


def test_a_failure_is_confirmed_and_placed() -> None:
    wrong = distorted(tf.sin, one_element(1.1))
    report, lines = checked(Target("f", wrong, {"x": normal(6)}), Settings())

    assert report.exit_code == 1
    assert told(lines, "confirming") == ["x: 1 mismatch"]
    assert told(lines, "where") != []
    names = stages(lines)
    assert names.index("differences") < names.index("confirming") < names.index("where")
    assert names[-1] in ("where", "diagnosis")


def test_what_is_asked_for_has_its_stages() -> None:
    settings = Settings(order=2, mode=Mode.BOTH, execution=(Execution.GRAPH,), check_pfor=True)
    report, lines = checked(Target("f", lambda x: tf.sin(x), {"x": normal(2, 3)}), settings)

    assert report.passed
    names = stages(lines)
    order = [names.index(stage) for stage in ("forward mode", "executions", "Jacobians", "order")]
    assert order == sorted(order)
    assert told(lines, "point") == ["f: 6 outputs", "the gradient of f: 12 outputs"]
    assert told(lines, "order") == ["2"]


class Clock:
    """It stands still but for what is added."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def after(self, seconds: float) -> None:
        self.now += seconds


def test_times_are_those_between_the_reports_and_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, lines = Clock(monkeypatch), []  # type: ignore[var-annotated]
    told = Stages(Progress(), lines.append)
    clock.after(0.5)
    told.stage(Stage.INPUTS, of="x float32 (2,)")
    with told as watched:
        clock.after(2.0)
        watched.stage(Stage.POINT, 4, "f", outputs=1)
        clock.after(0.004)
        watched.stage(Stage.SETTLING, 4, "x", elements=0)
        clock.after(0.25)
        watched.stage(Stage.CONFIRMING, 1_004, "x", mismatches=2)
        clock.after(0.06)
        watched.stage(Stage.WHERE, 1_004, parts=0)

    assert parsed(lines) == [
        (0.5, 0, "inputs", "x float32 (2,)"),
        (2.0, 4, "point", "f: 1 output"),
        # What had nothing to do and took no time is told with the next.
        (0.25, 1000, "confirming", "x: 2 mismatches"),
        (0.06, 0, "where", "0 parts"),
        (2.81, 1004, "in all", ""),
    ]


def test_tensorflow_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is imported somewhere in a stage, whose own time is the rest."""
    clock, lines, loading = Clock(monkeypatch), [], [0.0]  # type: ignore[var-annotated]
    monkeypatch.setattr("gradcheck.render.stages.seconds_of_loading", lambda: loading[0])
    told = Stages(Progress(), lines.append)
    clock.after(3.0)
    loading[0] = 2.5
    told.stage(Stage.TARGET, of="dense")
    clock.after(1.0)
    told.stage(Stage.POINT, 2, "dense", outputs=1)

    assert parsed(lines) == [
        (2.5, 0, "TensorFlow", f"{tf.__version__} imported"),
        (0.5, 0, "target", "dense"),
        (1.0, 2, "point", "dense: 1 output"),
    ]


def test_a_check_that_is_broken_off_says_how_long_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, lines = Clock(monkeypatch), []  # type: ignore[var-annotated]
    with pytest.raises(ValueError, match="raised"), Stages(Progress(), lines.append) as told:
        clock.after(1.0)
        told.stage(Stage.POINT, 2, "f", outputs=1)
        clock.after(2.0)
        raise ValueError("raised")

    assert [line.split() for line in lines[1:]] == [
        ["2.00", "s", "–", "broken", "off"],
        ["3.00", "s", "2", "in", "all"],
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_stand_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is whole, whatever its width and whatever rich would make of it."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    clock = Clock(monkeypatch)
    bar = Bar()
    name = "[bold]w:smile:[/bold]/" + "kernel/" * 8
    with Stages(bar, bar.say) as told:
        told.start(Forecast(elements=100, evaluations=200, seconds=0.1))
        clock.after(2.0)
        told.advance(10, 20)
        told.stage(Stage.DIFFERENCES, 20, name, groups=5)
        told.advance(10, 40)

    assert f"{name}: 5 groups\n" in terminal.getvalue()
    assert "elements" in terminal.getvalue()
    assert terminal.getvalue().rstrip().endswith("in all")


def test_nothing_is_evaluated_for_who_listens() -> None:
    """The report is the same, but for the time."""
    wrong = distorted(lambda x: tf.sin(x) @ normal(3, 3), one_element(1.1))
    target = Target("f", wrong, {"x": normal(4, 3)})
    told, _ = checked(target, Settings())
    silent = check_target(target, Settings())

    assert told.evaluations == silent.evaluations
    for one, other in zip(told.variables, silent.variables, strict=True):
        np.testing.assert_array_equal(one.difference, other.difference)
