"""Settings: each is one field, from which signature, options, JSON and documentation follow."""

from __future__ import annotations

import inspect
import math
import pickle
import re
from dataclasses import fields, replace
from typing import Any

import click
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from gradcheck import GradcheckError, assert_gradients, check
from gradcheck.amounts import Budget, read_memory
from gradcheck.cli import main
from gradcheck.cli.options import Common, common, section
from gradcheck.errors import SettingError
from gradcheck.option import Option, Section, Whole
from gradcheck.settings import DEFAULTS, OPTIONS, Execution, Method, Mode, Settings
from gradcheck.signature import takes_settings

NAMES = [entry.name for entry in fields(Settings)]
NO_SETTINGS = {"function", "inputs", "constants", "upstream", "gradient", "loss", "y", "sample_weight"}
"""Parameters of `check` that say what is checked, not how."""
COMMAND_LINE = {"upstream", "gradient", "dtype", "limit", "format", "json", "no_timing", "output", "save"}
COMMAND_LINE |= {"quiet", "dask", "timeout", "traceback", "verbose", "html", "plot", "heatmap"}
"""Options of every check that are about tensors and the document."""
DENSE = {"x", "w", "b", "activation"}

# A value of each setting that is not its default: in Python, as text, in JSON, and what Settings holds.
VALUES: dict[str, tuple[Any, list[str], Any, Any]] = {
    "rtol": (1e-3, ["1e-3"], 0.001, 0.001),
    "atol": (2, ["2"], 2.0, 2.0),
    "step": (np.float32(0.5), ["0.5"], 0.5, 0.5),
    "seed": (np.int64(7), ["7"], 7, 7),
    "wrt": (["x", "w"], ["x, w"], ["x", "w"], ("x", "w")),
    "strict": (True, [], True, True),
    "allow_nondeterministic": (0.1, ["0.1"], 0.1, 0.1),
    "method": ("elementwise", ["elementwise"], "elementwise", Method.ELEMENTWISE),
    "budget": ("60s", ["60s"], "60s", Budget(60.0, "s")),
    "memory": ("1KiB", ["1KiB"], 1024, 1024),
    "order": (2, ["2"], 2, 2),
    "mode": ("both", ["both"], "both", Mode.BOTH),
    "execution": ("xla", ["xla"], ["xla"], (Execution.XLA,)),
    "device": ("CPU:0", ["CPU:0"], "CPU:0", "CPU:0"),
    "where": (True, [], True, True),
    "check_pfor": (True, [], True, True),
}


def long(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def dense_help() -> str:
    return CliRunner().invoke(main, ["dense", "--help"], prog_name="gradcheck").stdout


# One field of Settings for everything.


@pytest.mark.parametrize("function", [check, assert_gradients])
def test_the_signature_is_the_fields(function: Any) -> None:
    parameters = inspect.signature(function).parameters
    assert set(parameters) - NO_SETTINGS == set(NAMES)
    assert set(parameters) - set(NAMES) == NO_SETTINGS
    assert {parameters[name].kind for name in NAMES} == {inspect.Parameter.KEYWORD_ONLY}
    for name in NAMES:
        assert Settings(**{name: parameters[name].default}) == Settings()


def test_help_lists_the_fields() -> None:
    listed = {
        name.replace("-", "_") for name in re.findall(r"^  (?:-\w, )?--([\w-]+)", dense_help(), re.MULTILINE)
    }
    assert listed == set(NAMES) | COMMAND_LINE | DENSE | {"help"}


def test_json_holds_the_fields_in_their_order() -> None:
    found: Any = check(tf.sin, {"x": 1.0}).to_dict()["settings"]
    assert list(found) == NAMES == list(VALUES)


@pytest.mark.parametrize("function", [check, assert_gradients])
def test_the_docstring_has_an_entry_for_every_parameter(function: Any) -> None:
    text = inspect.getdoc(function)
    assert text is not None
    _, _, rest = text.partition("Parameters\n----------\n")
    entries, _, after = rest.partition("\n\nReturns\n-------\n")
    headings = re.findall(r"^\S.*$", entries, re.MULTILINE)
    described = {name.strip() for heading in headings for name in heading.split(",")}
    assert described == set(inspect.signature(function).parameters)
    assert all(len(line) <= 110 for line in text.splitlines())
    assert after.startswith("Report\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_field_is_told_to_users(name: str) -> None:
    (entry,) = (entry for entry in fields(Settings) if entry.name == name)
    told = entry.metadata["option"]
    assert " ".join(told.help.split()) in " ".join(dense_help().split())
    assert " ".join(told.doc.split()) in " ".join(str(inspect.getdoc(check)).split())


def test_one_more_field_is_one_more_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    more = Option(Whole(0, "Give 0."), "Seconds to wait.", "How long to wait, in seconds.")
    monkeypatch.setitem(OPTIONS, "patience", more)
    monkeypatch.setitem(DEFAULTS, "patience", 5)

    @takes_settings
    def function(x: Any, **settings: Any) -> None:
        """Something.

        Parameters
        ----------
        x
            A number.

        Returns
        -------
        None
        """

    @click.command()
    def command(**values: Any) -> None:
        click.echo(values["patience"])

    for decorate in section(Section.CHECKS):
        command = decorate(command)
    assert inspect.signature(function).parameters["patience"].default == 5
    assert "\npatience\n    How long to wait, in seconds.\n\nReturns\n" in str(function.__doc__)
    assert "Seconds to wait.  [default: 5; x>=0]" in CliRunner().invoke(command, ["--help"]).stdout
    said = [
        CliRunner().invoke(command, arguments, env=env).stdout
        for arguments, env in (([], {}), (["--patience", "2"], {}), ([], {"GRADCHECK_PATIENCE": "3"}))
    ]
    assert said == ["5\n", "2\n", "3\n"]


def test_a_function_without_a_docstring_gets_a_signature() -> None:
    """As under python -OO."""

    @takes_settings
    def function(x: Any, **settings: Any) -> None:
        pass

    assert list(inspect.signature(function).parameters) == ["x", *NAMES]
    assert function.__doc__ is None


def test_defaults_stand_as_users_write_them() -> None:
    defaults = {name: parameter.default for name, parameter in inspect.signature(check).parameters.items()}
    assert (defaults["rtol"], defaults["mode"], defaults["execution"]) == (1e-6, "reverse", ())
    assert (defaults["method"], defaults["budget"], defaults["order"]) == ("auto", None, 1)


# Values, from wherever they come.


@click.command()
@common
def command(options: Common) -> Any:
    """A command that keeps what it is told."""
    TOLD.append(options.settings)


TOLD: list[Settings] = []


def told(*arguments: str, **env: str) -> Settings:
    """The settings of a command line."""
    result = CliRunner().invoke(command, arguments, env=env, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return TOLD.pop()


def test_a_command_without_options_has_the_defaults() -> None:
    assert told() == Settings()


@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_the_same_from_python_text_and_environment(name: str) -> None:
    given, text, written, held = VALUES[name]
    settings = Settings(**{name: given})
    found = getattr(settings, name)
    assert (found, type(found)) == (held, type(held))
    assert settings != Settings()
    assert settings.to_dict() == Settings().to_dict() | {name: written}
    assert told(long(name), *text) == settings
    assert told(**{f"GRADCHECK_{name.upper()}": text[0] if text else "1"}) == settings


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_read_again_unchanged(name: str) -> None:
    settings = Settings(**{name: VALUES[name][0]})
    assert replace(settings) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_execution_is_given_once_or_often() -> None:
    both = (Execution.GRAPH, Execution.XLA)
    assert Settings(execution=["graph", Execution.XLA]).execution == both  # type: ignore[arg-type]  # as users do
    assert told("--execution", "graph", "--execution", "xla").execution == both


# What is refused.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rtoll": 1e-3}, r"check\(\) has no option 'rtoll'\. Did you mean rtol\?"),
        ({"constant": {}}, r"Did you mean constants\?"),
        ({"excution": "xla"}, r"Did you mean execution\?"),
        (
            {"zebra": 1},
            r"Its options are: function, inputs, constants, upstream, gradient, .*check_pfor\.",
        ),
    ],
)
def test_an_unknown_option_is_told_the_nearest(options: dict[str, Any], words: str) -> None:
    for function in (check, assert_gradients):
        with pytest.raises(TypeError, match=words):
            function(tf.sin, {"x": 1.0}, **options)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rtol", math.nan, "`rtol` is nan. Give a finite number ≥ 0."),
        ("rtol", "1e-3", "`rtol` is '1e-3'. Give a finite number ≥ 0."),
        ("step", 0, "`step` is 0. Give a finite number > 0."),
        ("seed", 1.5, "`seed` is 1.5. Give an integer ≥ 0."),
        ("seed", None, "`seed` is None. Give an integer ≥ 0."),
        ("order", 0, "`order` is 0, which is no whole number from 1 to 8. Give 1, 2 or 3."),
        ("order", True, "`order` is True, which is no whole number from 1 to 8. Give 1, 2 or 3."),
        ("order", 9, "`order` is 9, which is no whole number from 1 to 8. Give 1, 2 or 3."),
        ("method", "fast", "There is no method 'fast'. Choose from: auto, elementwise, directions."),
        ("execution", ["graph", ""], "There is no execution ''. Choose from: eager, graph, xla."),
        ("wrt", [], "`wrt` names no input. Name at least one, or leave it out for all."),
        ("device", 3, "`device` is 3. Name one, such as CPU:0."),
    ],
)
def test_values_that_cannot_be(name: str, value: Any, words: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings(**{name: value})
    assert str(caught.value) == words
    assert isinstance(caught.value, GradcheckError)


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("60s", 60, "s"),
        ("0.5s", 0.5, "s"),
        (".5 s", 0.5, "s"),
        ("90 seconds", 90, "s"),
        ("1m", 60, "s"),
        ("1.5 minutes", 90, "s"),
        ("2h", 7200, "s"),
        ("5000e", 5000, ""),
        ("5000 evaluations", 5000, ""),
        ("1 evaluation", 1, ""),
        ("1e3e", 1000, ""),
        ("1e3 s", 1000, "s"),
    ],
)
def test_budgets_are_time_or_evaluations(text: str, amount: float, unit: str) -> None:
    assert Budget.of(text) == Budget(amount, unit)
    assert Budget.of(str(Budget.of(text))) == Budget(amount, unit)


@pytest.mark.parametrize("number", [5000, 1234567, np.int64(3)])
def test_in_python_a_budget_may_be_an_int_of_evaluations(number: int) -> None:
    budget = Settings(budget=number).budget  # type: ignore[arg-type]  # as users do
    assert budget == Budget(number, "")
    assert Budget.of(str(budget)) == budget


@pytest.mark.parametrize("text", ["60", "0.5", "1e3"])
def test_a_budget_needs_its_unit(text: str) -> None:
    """Evaluations to one reader, seconds to another: in Python, on the command line, in the environment."""
    rule = f"{text!r} has no unit: write {text}s for seconds, or {text}e for evaluations."
    with pytest.raises(SettingError, match=re.escape(f"`budget` is wrong: {rule}")):
        Settings(budget=text)  # type: ignore[arg-type]
    dense = ["dense", "--x", "1.0", "--w", "1.0"]
    for arguments, env in (([*dense, f"--budget={text}"], {}), (dense, {"GRADCHECK_BUDGET": text})):
        result = CliRunner().invoke(main, arguments, env=env)
        assert (result.exit_code, result.stdout) == (2, "")
        assert rule in result.stderr


@pytest.mark.parametrize("number", [60.0, True])
def test_no_other_number_is_a_budget(number: float) -> None:
    with pytest.raises(SettingError, match="`budget` is wrong: "):
        Settings(budget=number)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "s", "0", "0s", "-1", "-3s", "10x", "nan", "inf", "infs", "much", "1,000", "1e999s"]
)
def test_what_is_no_budget_is_refused_with_the_rule(text: str) -> None:
    rule = f"{text!r} is no budget: give time, such as 60s or 1m, or evaluations, such as 5000e."
    with pytest.raises(SettingError, match=re.escape(f"`budget` is wrong: {rule}")):
        check(tf.sin, {"x": 1.0}, budget=text)
    result = CliRunner().invoke(main, ["dense", "--x", "1.0", "--w", "1.0", f"--budget={text}"])
    assert result.exit_code == 2
    assert rule in result.stderr


@pytest.mark.parametrize(
    ("text", "amount"),
    [("2GiB", 2 << 30), ("500MB", 500 << 20), ("4g", 4 << 30), ("1.5K", 1536), ("4096", 4096)],
)
def test_memory_is_read_in_units_of_1024(text: str, amount: int) -> None:
    assert read_memory(text) == amount


@pytest.mark.parametrize("text", ["", "0", "-1GB", "lots", "GiB", "3 apples"])
def test_what_is_no_amount_of_memory_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="500MB or 2GiB"):
        check(tf.sin, {"x": 1.0}, memory=text)
