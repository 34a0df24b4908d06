"""Orders, modes, executions and Jacobians in one report, in the table, in JSON, and on the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from gradcheck import GradcheckError, Verdict, check
from gradcheck.cli import main
from gradcheck.render.plain import to_json, to_npz

ALL: dict[str, Any] = {
    "order": 2,
    "mode": "both",
    "execution": ["graph", "xla"],
    "device": "CPU:0",
    "check_pfor": True,
}
KINDS = [
    "forward mode",
    "graph tape",
    "graph output",
    "XLA tape",
    "XLA output",
    "XLA tape",
    "XLA output",
    "jacobian by pfor",
    "tape by its upstream gradient",
]


def test_everything_at_once() -> None:
    report = check(tf.sin, {"x": np.array([1.0, 2.0])}, **ALL)

    assert report.verdict is Verdict.PASS
    assert [c.what for c in report.comparisons] == KINDS
    assert [v.label for v in report.variables] == ["x", "x (order 2)"]


def test_nothing_is_compared_unless_it_is_asked_for() -> None:
    assert check(tf.sin, {"x": 1.0}).comparisons == ()


def test_the_table_shows_orders_and_comparisons() -> None:
    text = str(check(tf.sin, {"x": np.array([1.0, 2.0])}, **ALL))

    assert "∂sin/∂x" in text
    assert "∂(∇sin)/∂x" in text
    assert "x (order 2)" in text
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("compared"))
    words = ["compared", "against", "variable", "error", "tolerance", "error/tolerance", "where", "verdict"]
    assert lines[start].split() == words
    rows = lines[start + 2 : start + 2 + len(KINDS)]
    assert [row.split("  ")[0] for row in rows] == KINDS
    assert all(row.endswith("match") for row in rows)


def test_json_has_everything() -> None:
    document = json.loads(to_json(check(tf.sin, {"x": np.array([1.0, 2.0])}, **ALL)))

    assert [v["order"] for v in document["variables"]] == [1, 2]
    assert [c["what"] for c in document["comparisons"]] == KINDS
    assert document["comparisons"][0]["verdict"] == "match"
    settings = document["settings"]
    assert {name: settings[name] for name in ALL} == ALL


def test_arrays_of_each_order_have_a_name() -> None:
    arrays = np.load(io.BytesIO(to_npz(check(lambda x: x**3, {"x": np.array([2.0])}, order=3))))

    found = [float(arrays[f"{name}.tape"][0]) for name in ("x", "x.order2", "x.order3")]
    assert found == [12.0, 12.0, 6.0]


def test_a_failing_comparison_fails_the_report() -> None:
    report = check(
        lambda x: x * x if tf.executing_eagerly() else x * tf.stop_gradient(x), {"x": 3.0}, execution="graph"
    )

    assert not report
    assert report.exit_code == 1
    assert "mismatch" in str(report)
    with pytest.raises(AssertionError, match="graph tape"):
        report.raise_for_failure()


@pytest.mark.parametrize(
    "option", [{"mode": "sideways"}, {"execution": "slow"}, {"execution": ["graph", ""]}]
)
def test_unknown_words_are_refused_with_the_known_ones(option: dict[str, Any]) -> None:
    with pytest.raises(GradcheckError, match=r"There is no (mode|execution) .* Choose from: "):
        check(tf.sin, {"x": 1.0}, **option)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["dense", "--x", "[[1.0,2.0]]", "--w", "[[1.0],[0.5]]", *arguments])


def test_the_command_line_takes_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    result = run(
        *["--order", "2", "--mode", "both", "--execution", "graph", "--execution", "eager"],
        *["--device", "cpu:0", "--check-pfor", "--activation", "tanh", "--format", "json"],
        *["--output", str(path)],
    )

    assert result.exit_code == 0, result.output
    document = json.loads(path.read_text())
    assert document["settings"]["execution"] == ["graph", "eager"]
    assert {v["order"] for v in document["variables"]} == {1, 2}
    assert document["comparisons"]


@pytest.mark.parametrize(
    "arguments",
    [("--order", "0"), ("--mode", "backward"), ("--execution", "jax"), ("--device", "GPU:5")],
    ids=" ".join,
)
def test_bad_values_exit_with_2(arguments: tuple[str, str]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
