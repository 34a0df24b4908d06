"""The command line: options, exit codes, sentences, and what goes to which stream."""

from __future__ import annotations

import io
import json
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

import gradcheck
from gradcheck import ElementVerdict, ExitCode
from gradcheck.cli import main
from gradcheck.cli.options import Common
from tests.hand_made import ALL

TIE = "[[[1,3,4,2,5,2],[4,2,5,6,8,3],[5,3,7,8,9,3]]]"
TIE_GRADIENT = [[[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [1, 0, 1, 1, 1, 0]]]
CHECKS = {
    "dense": ["dense", "--x", "x.npy", "--w", "w.npy"],
    "maxpool1d": ["maxpool1d", "--x", "sequence.npy"],
    "avgpool1d": ["avgpool1d", "--x", "sequence.npy"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with the tensors of the examples."""
    np.save(tmp_path / "x.npy", np.array([[1, 1], [2, 2]], np.float32))
    np.save(tmp_path / "w.npy", np.array([[2], [3]], np.float32))
    np.save(tmp_path / "sequence.npy", np.array(json.loads(TIE), np.float32))
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def run(*arguments: str, code: int = 0, stdin: bytes = b"", env: dict[str, str] | None = None) -> Result:
    """Run in this process; the message of a wrong exit code is all that was said."""
    result = CliRunner().invoke(main, arguments, input=stdin, env=env, prog_name="gradcheck")
    assert result.exit_code == code, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result


def report(*arguments: str, code: int = 0, **extra: Any) -> Any:
    """The JSON that a check prints."""
    return json.loads(run(*arguments, "--format", "json", code=code, **extra).stdout)


def refusal(*arguments: str, **extra: Any) -> str:
    """What is said on standard error with exit code 2: one line, or the help of `gradcheck` alone."""
    result = run(*arguments, code=2, **extra)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("Usage: ") or result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def without_time(text: str) -> str:
    return re.sub(r'in \d+\.\d\d s|"seconds": [\d.e-]+', "", text)


# The three layers.


def test_dense_gives_the_textbook_gradients() -> None:
    found = report(*CHECKS["dense"])
    assert (found["target"], found["verdict"], found["exit_code"]) == ("dense", "pass", 0)
    gradients = {v["name"]: [e["tape"] for e in v["elements"]] for v in found["variables"]}
    assert gradients == {"x": [2, 3, 2, 3], "w": [3, 3]}
    closed = {v["name"]: [e["closed_form"] for e in v["elements"]] for v in found["variables"]}
    assert closed == gradients


def test_dense_takes_a_bias_and_an_activation() -> None:
    arguments = ["--x", "[[0.5,-0.25],[0.25,0.5]]", "--w", "w.npy", "--b", "[0.5]", "--activation", "tanh"]
    x, w, b = report("dense", *arguments)["variables"]
    # 1 − tanh²(z) at z = 0.75 and 2.5.
    slopes = 1 - np.tanh([0.75, 2.5]) ** 2
    for column in ("tape", "difference", "closed_form"):
        assert b["elements"][0][column] == pytest.approx(slopes.sum(), rel=1e-6)
        assert w["elements"][1][column] == pytest.approx(slopes @ [-0.25, 0.5], rel=1e-6)
        assert x["elements"][3][column] == pytest.approx(3 * slopes[1], rel=1e-6)


def test_an_activation_over_the_axis_has_no_closed_form() -> None:
    # Weights that give the units different slopes.
    found = report("dense", "--x", "x.npy", "--w", "[[0.5,1.0],[-1.0,0.25]]", "--activation", "softmax")
    assert found["verdict"] == "pass"
    assert "closed_form" not in found["variables"][0]["elements"][0]


def test_max_pooling_with_a_tie_is_a_kink_and_passes() -> None:
    options = "--pool-size", "3", "--strides", "1", "--limit", "0"
    found = report("maxpool1d", "--x", "sequence.npy", *options)
    [x] = found["variables"]
    assert (found["verdict"], found["exit_code"], x["verdict"]) == ("pass", 0, "kink")
    assert np.array_equal([e["tape"] for e in x["elements"]], np.ravel(TIE_GRADIENT))
    kinks = [e["index"] for e in x["elements"] if e["verdict"] == "kink"]
    # Channel 1 has its largest element, 3, at steps 0 and 2; channel 5 has it, 3, at steps 1 and 2.
    assert kinks == [[0, 0, 1], [0, 1, 5], [0, 2, 1], [0, 2, 5]]
    ends = [end for e in x["elements"] if e["verdict"] == "kink" for end in e["interval"]]
    np.testing.assert_allclose(ends, [0, 1] * 4, atol=1e-9)
    worst = report("maxpool1d", "--x", "sequence.npy", *options[:-2])["variables"][0]["elements"]
    assert [e["index"] for e in worst[:4]] == kinks
    assert len(worst) == 10
    assert any("kink" in line for line in found["warnings"])


def test_average_pooling_shares_evenly() -> None:
    found = report("avgpool1d", "--x", "sequence.npy", "--pool-size", "3", "--strides", "1")
    assert found["verdict"] == "pass"
    np.testing.assert_allclose([e["difference"] for e in found["variables"][0]["elements"]], 1 / 3, rtol=1e-8)


@pytest.mark.parametrize("command", [pytest.param("maxpool1d", marks=pytest.mark.full), "avgpool1d"])
def test_the_options_of_pooling_reach_it(command: str) -> None:
    """Numbers without ties; the counts of windows are those of the Keras documentation."""
    values = np.random.default_rng(0).permutation(14.0 * np.arange(14)).reshape(1, 7, 2).astype(np.float32)
    np.save("seven.npy", values)
    np.save("first.npy", values.swapaxes(1, 2))
    for options, windows in (
        (["--pool-size", "3"], 2),
        (["--pool-size", "3", "--strides", "1"], 5),
        (["--pool-size", "3", "--padding", "same"], 3),
        (["--strides", "3", "--padding", "same"], 3),
        ([], 3),
    ):
        last = report(command, "--x", "seven.npy", "--limit", "0", *options)
        # The sum of a pooling's gradient for ones is its number of outputs.
        assert sum(e["difference"] for e in last["variables"][0]["elements"]) == pytest.approx(2 * windows)
        channels_first = "--data-format", "channels_first", "--limit", "0"
        first = report(command, "--x", "first.npy", *channels_first, *options)
        flat = np.reshape([e["tape"] for e in last["variables"][0]["elements"]], (1, 7, 2))
        np.testing.assert_array_equal(
            np.reshape([e["tape"] for e in first["variables"][0]["elements"]], (1, 2, 7)), flat.swapaxes(1, 2)
        )
        assert last["verdict"] == first["verdict"] == "pass"


# Options of every check.


@pytest.mark.parametrize(
    ("wrt", "names"), [("x", ["x"]), ("w", ["w"]), ("x,w", ["x", "w"]), ("w, x", ["x", "w"])]
)
def test_wrt_chooses_the_variables(wrt: str, names: list[str]) -> None:
    assert [v["name"] for v in report(*CHECKS["dense"], "--wrt", wrt)["variables"]] == names


def test_wrt_may_be_repeated() -> None:
    found = report(*CHECKS["dense"], "--b", "[1.0]", "--wrt", "w", "--wrt", "b,x")
    assert [v["name"] for v in found["variables"]] == ["x", "w", "b"]
    env = {"GRADCHECK_WRT": "w, b"}
    found = report(*CHECKS["dense"], "--b", "[1.0]", env=env)
    assert [v["name"] for v in found["variables"]] == ["w", "b"]


@pytest.mark.parametrize("name", main.commands)
def test_an_option_that_is_not_repeated_is_given_once(name: str) -> None:
    """Of two values the last does not win in silence."""
    given = {"budget": "60s", "config": "{}", "weights": "x.npy"}
    parameters = main.commands[name].params
    needed = [p for p in parameters if p.required and (isinstance(p, click.Argument) or p.multiple)]
    start = [name, *(word for p in needed for word in [*([p.opts[0]] * p.multiple), "x.npy"])]
    for option in parameters:
        if not isinstance(option, click.Option) or option.multiple or option.is_flag:
            continue
        value = given.get(str(option.name), getattr(option.type, "choices", ["1"])[0])
        others = [p for p in parameters if p.required and p not in [*needed, option]]
        twice = [option.opts[-1], value] * 2
        text = refusal(*start, *(word for p in others for word in (p.opts[0], "x.npy")), *twice)
        assert text.startswith(f"error: {option.opts[-1]} is given 2 times: give one value. Try ")


def test_a_flag_says_the_same_twice() -> None:
    assert run(*CHECKS["dense"], "--strict", "--strict", "-q", "--quiet").stdout == ""


def test_upstream_is_the_gradient_that_is_shown() -> None:
    found = report(*CHECKS["dense"], "--upstream", "[[1.0],[10.0]]")
    gradients = {v["name"]: [e["tape"] for e in v["elements"]] for v in found["variables"]}
    assert gradients == {"x": [2, 3, 20, 30], "w": [21, 21]}


def test_upstream_may_be_bfloat16_too(folder: Path) -> None:
    import tensorflow as tf

    np.save("r.npy", np.array([[1], [2]], np.float32).astype(tf.bfloat16.as_numpy_dtype))
    found = report(*CHECKS["dense"], "--dtype", "bfloat16", "--upstream", "r.npy")
    assert [e["tape"] for e in found["variables"][1]["elements"]] == [5, 5]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("command", CHECKS)
def test_every_dtype_is_checked(command: str, dtype: str) -> None:
    found = report(*CHECKS[command], "--dtype", dtype)
    assert {v["dtype"] for v in found["variables"]} == {dtype}
    assert found["verdict"] == "pass"
    assert "float64" in found["precision"]


def test_generators_follow_the_seed() -> None:
    arguments = ["dense", "--x", "normal:3x2", "--w", "uniform:2x2"]
    first, again, other = (report(*arguments, "--seed", seed) for seed in ("1", "1", "2"))
    assert without_time(json.dumps(first)) == without_time(json.dumps(again))
    assert first["variables"] != other["variables"]


@pytest.mark.parametrize(
    ("limit", "rows"), [("1", 1), ("17", 17), ("0", 18), pytest.param("20", 18, marks=pytest.mark.full)]
)
def test_limit_bounds_the_rows(limit: str, rows: int) -> None:
    arguments = ["maxpool1d", "--x", "sequence.npy", "--pool-size", "3", "--strides", "1", "--limit", limit]
    assert len(report(*arguments)["variables"][0]["elements"]) == rows
    table = run(*arguments).stdout
    assert len(re.findall(r"^  \[\d, \d, \d\]", table, re.MULTILINE)) == rows
    assert (f"{rows} of 18 elements shown" in table) == (rows < 18)


def test_strict_takes_kinks_as_failures() -> None:
    arguments = ["maxpool1d", "--x", "sequence.npy", "--pool-size", "3", "--strides", "1"]
    assert report(*arguments, "--strict", code=1)["verdict"] == "fail"
    assert report(*CHECKS["dense"], "--strict")["verdict"] == "pass"


def test_method_elementwise_needs_more_evaluations_and_agrees() -> None:
    np.save("long.npy", np.random.default_rng(0).normal(size=(1, 64, 1)))
    auto = report("avgpool1d", "--x", "long.npy")
    each = report("avgpool1d", "--x", "long.npy", "--method", "elementwise")
    assert auto["evaluations"] < each["evaluations"]
    assert auto["verdict"] == each["verdict"] == "pass"


# What goes where.


def test_the_document_goes_to_stdout_and_notes_to_stderr() -> None:
    Path("x.csv").write_text("1;1\n2;2\n")
    result = run("dense", "--x", "x.csv", "--w", "w.npy")
    assert result.stderr == "note: --x x.csv: read as shape (2, 2), separated by semicolons.\n"
    assert result.stdout.startswith("gradcheck dense\n")
    assert result.stdout.splitlines()[-2].startswith(" PASS ")
    assert run(*CHECKS["dense"]).stderr == ""


@pytest.mark.parametrize("form", ["table", "json"])
def test_output_takes_the_document(folder: Path, form: str) -> None:
    shown = run(*CHECKS["dense"], "--format", form).stdout
    Path("report").write_text("something longer than nothing " * 1000)
    result = run(*CHECKS["dense"], "--format", form, "--output", "report")
    assert result.stdout == ""
    assert without_time(Path("report").read_text(encoding="utf-8")) == without_time(shown)
    assert sorted(path.name for path in folder.iterdir()) == ["report", "sequence.npy", "w.npy", "x.npy"]


def test_save_keeps_full_arrays() -> None:
    arguments = ["maxpool1d", "--x", "sequence.npy", "--pool-size", "3", "--strides", "1", "--limit", "1"]
    run(*arguments, "--save", "arrays.npz")
    saved = np.load("arrays.npz", allow_pickle=False)
    kept = ("closed_form", "difference", "error", "error_over_tolerance", "tape", "tolerance", "verdict")
    assert sorted(saved) == [f"x.{name}" for name in kept]
    np.testing.assert_array_equal(saved["x.tape"], TIE_GRADIENT)
    np.testing.assert_array_equal(saved["x.closed_form"], TIE_GRADIENT)
    assert saved["x.verdict"][0, 0, 0] == "match"
    assert (saved["x.verdict"] == "kink").any()


def test_quiet_says_nothing_but_errors() -> None:
    Path("x.csv").write_text("1;1\n2;2\n")
    result = run("dense", "--x", "x.csv", "--w", "w.npy", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")
    run("dense", "--x", "[[1,1],[2,2]]", "--w", "w.npy", "--quiet", "--output", "report")
    assert Path("report").read_text(encoding="utf-8").startswith("gradcheck dense")
    assert "no such file" in refusal("dense", "--x", "nowhere.npy", "--w", "w.npy", "--quiet")


@pytest.mark.parametrize("form", ["table", "json"])
def test_without_its_time_a_report_is_the_same_twice(folder: Path, form: str) -> None:
    shown = run(*CHECKS["dense"], "--format", form).stdout
    for name in ("first", "second"):
        run(*CHECKS["dense"], "--format", form, "--no-timing", "--output", name)
    first = Path("first").read_text(encoding="utf-8")
    assert Path("second").read_text(encoding="utf-8") == first
    if form == "table":
        assert re.sub(r" in \d+\.\d\d s", "", shown) == first != shown
    else:
        assert list(json.loads(first))[-1] == "seconds"
        assert json.loads(first) == json.loads(shown) | {"seconds": None}


def test_json_is_short_for_the_format() -> None:
    [short, long] = [
        run(*CHECKS["dense"], *words, "--no-timing").stdout for words in (["--json"], ["--format", "json"])
    ]
    assert short == long
    assert run(*CHECKS["dense"], "--json", "--format", "json", "--no-timing").stdout == long
    assert "--json and --format table contradict each other" in refusal_in_json(
        *CHECKS["dense"], "--json", "--format", "table"
    )
    assert run(*CHECKS["dense"], "--json", "--no-timing", env={"GRADCHECK_FORMAT": "table"}).stdout == long


def refusal_in_json(*arguments: str, kind: str = "UsageError", **extra: Any) -> str:
    """The message of the error in the place of a report; standard error says the same as ever."""
    result = run(*arguments, code=2, **extra)
    found = json.loads(result.stdout)
    assert list(found) == ["schema", "version", "error", "exit_code"]
    assert (found["schema"], found["version"], found["exit_code"]) == (1, gradcheck.__version__, 2)
    error = found["error"]
    assert list(error) == ["type", "message", "remedy"]
    assert error["type"] == kind
    assert result.stderr == f"error: {error['message']} {error['remedy']}\n"
    return str(error["message"])


def test_errors_are_json_where_json_is_asked_for() -> None:
    wrong = ["dense", "--x", "nosuch.npy", "--w", "w.npy"]
    for words in (["--json"], ["--format", "json"], ["--format=json"]):
        assert refusal_in_json(*wrong, *words, kind="TensorError") == "--x nosuch.npy: there is no such file."
    assert refusal_in_json("dense", "--json", kind="MissingParameter") == "Missing option '--x'."
    assert "'--z'" in refusal_in_json("dense", "--json", "--z", kind="NoSuchOption")
    for env in ({"GRADCHECK_JSON": "1"}, {"GRADCHECK_FORMAT": "json"}):
        refusal_in_json(*wrong, kind="TensorError", env=env)
    assert run(*wrong, "--json", "--quiet", code=2).stdout == ""
    refusal(*wrong)


def test_a_bug_is_json_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> Any:
        raise KeyError("lost")

    monkeypatch.setattr("gradcheck.checking.check_target", crash)
    found = json.loads(run(*CHECKS["dense"], "--json", code=70).stdout)
    assert (found["error"]["type"], found["exit_code"]) == ("KeyError", 70)


def test_the_same_command_says_the_same_twice() -> None:
    arguments = ["maxpool1d", "--x", "sequence.npy", "--pool-size", "3", "--strides", "1"]
    first, second = (without_time(run(*arguments).stdout) for _ in range(2))
    assert first == second


# Standard input and the environment.


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def test_standard_input_holds_one_tensor() -> None:
    found = report("dense", "--x", "-", "--w", "w.npy", stdin=npy(np.ones((5, 2), np.float32)))
    assert found["variables"][0]["shape"] == [5, 2]
    # A mistyped pipeline: two tensors cannot come from one stream.
    for arguments in (
        ["--x", "-", "--w", "-"],
        ["--x", "x.npy", "--w", "-", "--upstream", "-"],
        ["--x", "-:a", "--w", "/dev/stdin"],
    ):
        text = refusal("dense", *arguments, stdin=npy(np.ones((2, 2))))
        assert "Standard input holds one tensor: give - to one option only." in text


def test_written_tensors_take_the_dtype_of_the_files_beside_them() -> None:
    """The upstream gradient too: 0.1 in float32 is 0.10000000149."""
    np.save("w64.npy", np.array([[2.0], [3.0]]))
    Path("b.json").write_text("[0.5]")
    tensors = ["--x", "[[1,1],[2,2]]", "--w", "w64.npy", "--b", "b.json", "--upstream", "[[0.1],[0.1]]"]
    found = report("dense", *tensors)
    assert {variable["dtype"] for variable in found["variables"]} == {"float64"}
    x = found["variables"][0]
    assert x["elements"][0]["tape"] == 0.2

    result = run("dense", *tensors)
    assert result.stderr == "note: --b b.json: read as shape (1,).\n"


@pytest.mark.parametrize("text", ["~/x.npy", "~/both.npz:x"])
def test_the_home_directory_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The shell leaves --x=~/x.npy as it is."""
    monkeypatch.setenv("HOME", str(folder))
    np.savez("both.npz", x=np.load("x.npy"), w=np.load("w.npy"))
    assert report("dense", f"--x={text}", "--w", "~/both.npz:w")["verdict"] == "pass"


def test_empty_standard_input_is_refused() -> None:
    assert "--x - (standard input) is empty" in refusal("dense", "--x", "-", "--w", "w.npy")


def test_every_option_reads_its_variable() -> None:
    for name, command in main.commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                long = parameter.opts[-1].removeprefix("--")
                assert parameter.envvar == f"GRADCHECK_{long.upper().replace('-', '_')}", (name, long)


def test_variables_of_the_environment_are_taken() -> None:
    env = {"GRADCHECK_X": "x.npy", "GRADCHECK_W": "w.npy", "GRADCHECK_FORMAT": "json", "GRADCHECK_SEED": "5"}
    found = json.loads(run("dense", env=env).stdout)
    assert found["settings"]["seed"] == 5
    # The command line wins.
    assert json.loads(run("dense", "--seed", "6", env=env).stdout)["settings"]["seed"] == 6
    pooled = {
        "GRADCHECK_X": "sequence.npy",
        "GRADCHECK_POOL_SIZE": "3",
        "GRADCHECK_DATA_FORMAT": "channels_last",
    }
    assert " PASS " in run("maxpool1d", env=pooled).stdout
    assert run("maxpool1d", env={**pooled, "GRADCHECK_QUIET": "1"}).stdout == ""


def test_a_wrong_variable_is_refused_like_the_option() -> None:
    text = refusal(*CHECKS["dense"], env={"GRADCHECK_RTOL": "tight"})
    assert "'--rtol': 'tight' is no finite number ≥ 0." in text


# Bad input: exit code 2 and one clear sentence.

USAGE = [
    ([], "Usage: gradcheck"),
    (["pool"], "No such command 'pool'"),
    (["dense"], "Missing option '--x'"),
    (["dense", "--x", "x.npy"], "Missing option '--w'"),
    (["dense", "--z"], "No such option"),
    ([*CHECKS["dense"], "--rtol", "-1"], "'-1' is no finite number ≥ 0."),
    ([*CHECKS["dense"], "--rtol", "nan"], "'nan' is no finite number ≥ 0."),
    ([*CHECKS["dense"], "--atol", "inf"], "'inf' is no finite number ≥ 0."),
    ([*CHECKS["dense"], "--step", "0"], "'0' is no finite number > 0."),
    ([*CHECKS["dense"], "--seed", "-1"], "-1 is not in the range x>=0"),
    ([*CHECKS["dense"], "--seed", "a"], "'a' is not a valid integer"),
    ([*CHECKS["dense"], "--limit", "-1"], "-1 is not in the range x>=0"),
    ([*CHECKS["dense"], "--dtype", "int8"], "'int8' is not one of 'auto', 'float16', 'bfloat16'"),
    ([*CHECKS["dense"], "--format", "xml"], "'xml' is not one of 'table', 'json'"),
    ([*CHECKS["dense"], "--wrt", ","], "name at least one input, such as x or x,w."),
    ([*CHECKS["dense"], "--method", "fast"], "'fast' is not one of 'auto', 'elementwise'"),
    ([*CHECKS["maxpool1d"], "--pool-size", "0"], "0 is not in the range x>=1"),
    ([*CHECKS["maxpool1d"], "--strides", "0"], "0 is not in the range x>=1"),
    ([*CHECKS["maxpool1d"], "--padding", "full"], "'full' is not one of 'valid', 'same'"),
    ([*CHECKS["avgpool1d"], "--data-format", "NCW"], "'NCW' is not one of"),
]
INPUT = [
    (
        ["dense", "--x", "x.npy", "--w", "x2.npy"],
        "error: --w x2.npy: there is no such file. Did you mean x.npy or w.npy?\n",
    ),
    (["dense", "--x", "nowhere/x.npy", "--w", "w.npy"], "There is no directory nowhere either."),
    (["dense", "--x", ".", "--w", "w.npy"], "error: --x . is a directory. Name a file in it.\n"),
    (["dense", "--x", "x.doc", "--w", "w.npy"], "--x x.doc"),
    (["dense", "--x", "", "--w", "w.npy"], "--x is empty text."),
    (["dense", "--x", "[[1,2],[3]]", "--w", "w.npy"], "--x [[1,2],[3]]"),
    (["dense", "--x", "[[1.0,NaN]]", "--w", "w.npy"], "NaN"),
    (["dense", "--x", "normal:0x2", "--w", "w.npy"], "is empty: it has shape (0, 2)"),
    (["dense", "--x", "normal:", "--w", "w.npy"], "Write normal:8x64 for shape (8, 64)."),
    (
        ["dense", "--x", "x.npy", "--w", "[[1.0],[2.0],[3.0]]"],
        "x has shape (2, 2) and w has shape (3, 1): the first axis of w (3) must be as long as",
    ),
    (["dense", "--x", "3.0", "--w", "w.npy"], "x is a scalar (shape ()), and w has shape (2, 1)"),
    (["dense", "--x", "x.npy", "--w", "[2.0,3.0]"], "x has shape (2, 2) and w has shape (2,): dense needs w"),
    ([*CHECKS["dense"], "--b", "[1.0,2.0]"], "b has shape (2,) and w has shape (2, 1)"),
    ([*CHECKS["dense"], "--activation", "reluu"], "no activation of one tensor named 'reluu'."),
    (
        [*CHECKS["dense"], "--wrt", "b"],
        "`wrt` names 'b', which is no floating input of dense. Choose from: x, w.",
    ),
    ([*CHECKS["dense"], "--upstream", "[1.0]"], "The upstream gradient has shape (1,), the output (2, 1)."),
    ([*CHECKS["dense"], "--upstream", "gone.npy"], "--upstream gone.npy: there is no such file."),
    (["dense", "--x", "[[1e9,1.0]]", "--w", "w.npy", "--dtype", "float16"], "too large for float16"),
    (
        ["maxpool1d", "--x", "x.npy"],
        "x has shape (2, 2), 2 axes; maxpool1d with channels_last needs the three of",
    ),
    (
        [*CHECKS["maxpool1d"], "--pool-size", "4"],
        "x has shape (1, 3, 6), read as (batch, steps, channels), so 3 steps, and the window has shape (4,)",
    ),
    ([*CHECKS["avgpool1d"], "--data-format", "channels_first", "--pool-size", "7"], "so 6 steps"),
]


@pytest.mark.parametrize(
    ("arguments", "words"), USAGE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_usage_errors(arguments: list[str], words: str) -> None:
    text = refusal(*arguments)
    assert text.startswith("error: ") or not arguments
    assert words in text
    assert text.endswith(f"Try '{' '.join(['gradcheck', *arguments[:1]])} --help'.\n") or arguments in (
        [],
        ["pool"],
    )


@pytest.mark.parametrize(
    ("arguments", "words"), INPUT, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_input(arguments: list[str], words: str) -> None:
    text = refusal(*arguments)
    assert text.startswith("error: ")
    assert words in text


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[1 + 2j, 0]]), "complex"),
        (np.array([["a", "b"]]), "text"),
        (np.array([[None, 1]], object), "object"),
        (np.array([[np.nan, 1], [np.inf, 2]]), "2 of 4 elements, first nan at [0, 0]"),
        (np.zeros((0, 2)), "is empty: it has shape (0, 2)"),
        (np.zeros((2, 2), "V2"), "add --dtype bfloat16"),
    ],
)
def test_arrays_without_a_gradient_are_refused(array: Any, words: str) -> None:
    np.save("bad.npy", array, allow_pickle=True)
    text = refusal("dense", "--x", "bad.npy", "--w", "w.npy")
    assert text.startswith("error: --x bad.npy ")
    assert words in text


def test_a_damaged_file_is_refused() -> None:
    Path("x.npy").write_bytes(Path("x.npy").read_bytes()[:-3])
    assert refusal(*CHECKS["dense"]).startswith("error: --x x.npy is truncated")


def test_nothing_is_written_when_the_check_cannot_run(folder: Path) -> None:
    Path("report").write_text("before")
    refusal("dense", "--x", "x.npy", "--w", "[1.0]", "--output", "report", "--save", "arrays.npz")
    assert Path("report").read_text() == "before"
    assert not Path("arrays.npz").exists()


def test_traceback_shows_where() -> None:
    result = run("dense", "--x", "x.npy", "--w", "[1.0]", "--traceback", code=2)
    assert result.stderr.startswith("error: ")
    assert "Traceback (most recent call last)" in result.stderr
    assert "ShapeError" in result.stderr


# Every exit code.


@pytest.mark.parametrize(("name", "code"), [("pass", 0), ("kink", 0), ("fail", 1), ("inconclusive", 3)])
@pytest.mark.parametrize("options", [[], ["--quiet"], ["--format", "json"], ["--output", "report"]])
def test_the_report_decides_the_exit_code(
    name: str, code: int, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradcheck.checking.check_target", lambda *_, **__: ALL[name]())
    run(*CHECKS["dense"], *options, code=code)


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (gradcheck.GradcheckError("Found this.", "Do that."), 2, "error: Found this. Do that.\n"),
        (MemoryError("9 GiB"), 2, "error: the memory of this machine is not enough (9 GiB). Give smaller"),
        (SystemExit(0), 2, "error: the code under check ended the process (SystemExit: 0).\n"),
        (GeneratorExit(), 2, "error: the code under check ended the process (GeneratorExit).\n"),
        (
            KeyError("x"),
            70,
            "error: this is a bug in gradcheck, not in your gradient (KeyError: 'x'). --traceback",
        ),
        (click.exceptions.Exit(0), 70, "error: this is a bug in gradcheck, not in your gradient (Exit: 0)."),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_what_is_raised_decides_the_exit_code(
    raised: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr("gradcheck.checking.check_target", fail)
    result = run(*CHECKS["dense"], code=code)
    assert result.stdout == ""
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    if code in (2, 70):
        assert "Traceback" in run(*CHECKS["dense"], "--traceback", code=code).stderr


def test_a_bug_outside_a_command_is_a_bug_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise KeyError("x")

    monkeypatch.setattr(Common, "take", fail)
    assert "bug in gradcheck" in run(*CHECKS["dense"], code=70).stderr
    monkeypatch.setattr(click.Group, "parse_args", fail)
    assert "bug in gradcheck" in run("--help", code=70).stderr


# Help.


@pytest.mark.parametrize("command", ["", *main.commands])
def test_help_describes_everything(command: str) -> None:
    text = run(*command.split(), "--help").stdout
    for code in ExitCode if command != "sweep" else ():  # which judges nothing, and has codes of its own
        assert f"{code.value}  {code.meaning}" in text or command == "demo" or code.meaning in text
    assert run(*command.split(), "-h").stdout == text
    for parameter in main.commands[command].params if command else ():
        if isinstance(parameter, click.Argument):
            assert f"[OPTIONS] {parameter.metavar}\n" in text
            continue
        assert f"--{parameter.opts[-1].removeprefix('--')}" in text


def test_every_option_says_what_it_does_or_lists_its_choices() -> None:
    for command in main.commands.values():
        assert command.help
        for parameter in command.params:
            if not isinstance(parameter, click.Option):
                continue  # the help of the command says what it takes
            assert parameter.help or isinstance(parameter.type, click.Choice), parameter.name


def test_version() -> None:
    first, second = run("--version").stdout.splitlines()
    assert first == f"gradcheck {gradcheck.__version__}"
    import tensorflow as tf

    assert second.startswith(f"TensorFlow {tf.__version__}, Keras ")
    assert second.endswith(f", NumPy {np.__version__}, Python {platform.python_version()}")
    assert run("-V").stdout == f"{first}\n{second}\n"


def test_the_version_of_tensorflow_under_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "tensorflow_cpu-9.8.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tensorflow_cpu\nVersion: 9.8\n")
    (metadata / "top_level.txt").write_text("tensorflow\n")
    assert "TensorFlow not found, Keras not found, " in in_place_of_packages(monkeypatch, tmp_path / "none")
    assert "TensorFlow 9.8, Keras not found, " in in_place_of_packages(monkeypatch, tmp_path)


def in_place_of_packages(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """What --version says where only the packages in a folder are installed."""
    python = [path for path in sys.path if "site-packages" not in path]
    monkeypatch.setattr(sys, "path", [str(folder), *python])
    return run("--version").stdout


def test_verdicts_have_distinct_words() -> None:
    assert len({verdict.label for verdict in ElementVerdict}) == len(ElementVerdict)
