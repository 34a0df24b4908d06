"""`gradcheck explain`: the texts are true, which means that their examples run and print what is shown, and
every word of the program has one."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gradcheck import ElementVerdict, ExitCode
from gradcheck.cli import main
from gradcheck.notes import Kind, Note
from gradcheck.progress import Stage
from gradcheck.render.due import due
from gradcheck.report import diagnosis
from gradcheck.settings import Execution, Method, Mode, Settings
from gradcheck.verdicts.verdict import Comparison
from tests.hand_made import ALL, M, X, report, variable
from tests.imports import forgotten
from tests.parameters import every, named

TEXTS = Path(__file__).parents[2] / "gradcheck" / "explanations"
FILE = re.compile(r"# (\w+\.py)$", re.MULTILINE)
CODE = re.compile(r"  # exit code (\d+)$")
OWN_FILES = "  # with files of your own"
VARIABLE = re.compile(r"([A-Z_]+)=(.*)")


@dataclass(frozen=True)
class Example:
    """Commands of one text, with the files that they use."""

    word: str
    group: str
    files: dict[str, str]
    commands: list[tuple[str, str]]
    """Each with what is shown of what it prints."""

    def __str__(self) -> str:
        return self.word


def run(*arguments: str, code: int = 0, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(main, arguments, env=env, prog_name="gradcheck")
    assert result.exit_code == code, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result


def example(path: Path) -> Example:
    """The indented lines of a text: files up to the next empty line that a command follows, and commands."""
    files: dict[str, str] = {}
    commands: list[tuple[str, str]] = []
    into: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.removeprefix("    ")
        if text.startswith("$ "):
            commands.append((text[2:], ""))
            into = []
        elif line and text == line:
            into = []
        elif found := FILE.fullmatch(text):
            into = [found[1]]
            files[found[1]] = ""
        elif into:
            files[into[0]] += f"{text}\n"
        elif commands and line:
            commands[-1] = (commands[-1][0], f"{commands[-1][1]} {text}")
    return Example(path.stem.replace("-", " "), path.parent.name, files, commands)


EXAMPLES = [example(path) for path in sorted(TEXTS.rglob("*.txt"))]
WORDS = {one.word for one in EXAMPLES}


def squeezed(text: str) -> str:
    return " ".join(text.split())


def missing(shown: str, printed: str) -> str:
    """The first of the fragments between … that is not printed, in this order."""
    place = 0
    for fragment in filter(None, map(str.strip, shown.split("…"))):
        found = printed.find(squeezed(fragment), place)
        if found < 0:
            return fragment
        place = found + 1
    return ""


@pytest.mark.parametrize("one", named(EXAMPLES, str, every(8)))
def test_the_examples_print_what_is_shown(
    one: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in one.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for command, shown in one.commands:
        if command.endswith(OWN_FILES):
            assert not shown
            continue
        found = CODE.search(command)
        words = shlex.split(CODE.sub("", command))
        env = {match[1]: match[2] for word in words if (match := VARIABLE.fullmatch(word))}
        assert words[len(env)] == "gradcheck", command
        with forgotten(tmp_path):
            result = run(*words[len(env) + 1 :], code=int(found[1]) if found else 0, env=env)
        assert missing(shown, squeezed(result.stdout)) == "", result.stdout
        if one.group == "diagnoses":
            assert result.stdout.splitlines()[-1] == f" what this means: gradcheck explain {one.word}"


def test_every_word_of_the_program_is_explained() -> None:
    verdicts = {
        *(verdict.label for verdict in ElementVerdict),
        "PASS",
        "FAIL",
        *(kind.value for kind in Kind),
    }
    options = {*(word.value for enum in (Method, Mode, Execution) for word in enum), "--strict", "--budget"}
    settings = {"rtol", "atol", "step", "order", "mode", "execution", "where", "check_pfor", "upstream"}
    beside = {"S", "tape", "finite difference", "closed form", "absolute error", "worst error", "TENSOR"}
    beside |= {"sensitivity", "precision", "compared", "against", "exit codes", "environment", "completion"}
    for word in verdicts | options - {"auto", "both"} | settings | beside:
        assert run("explain", word).stdout.strip(), word


def test_every_stage_is_explained() -> None:
    text = squeezed(run("explain", "stages").stdout)
    assert [stage.value for stage in Stage if stage.value not in text] == []


def topics() -> set[str]:
    """What stands first in the pairs that diagnosis.py yields."""
    tree = ast.parse(Path(diagnosis.__file__).read_text(encoding="utf-8"))
    yielded = [node.value for node in ast.walk(tree) if isinstance(node, ast.Yield | ast.YieldFrom)]
    first = [node for value in yielded if value for node in ast.walk(value) if isinstance(node, ast.Constant)]
    return {str(node.value) for node in first if re.fullmatch(r"[a-z]+( [a-z]+){0,2}", str(node.value))}


def test_every_diagnosis_has_a_text_and_every_text_a_diagnosis() -> None:
    told = {one.word for one in EXAMPLES if one.group == "diagnoses"}
    assert told | {"closed form", "given gradient", "nonfinite"} == topics()


def test_the_exit_codes_are_those_of_the_program() -> None:
    text = squeezed(run("explain", "exit", "codes").stdout)
    assert all(f"{code.value} {code.meaning}" in text for code in ExitCode)
    assert squeezed(run("explain", "70").stdout) == text


@pytest.mark.parametrize(
    ("written", "word"),
    [
        (["S"], "S"),
        (["s"], "S"),
        (["Kink"], "kink"),
        (["`kink`"], "kink"),
        (["subgradient"], "kink"),
        (["finite", "difference"], "finite difference"),
        (["finite-difference"], "finite difference"),
        (["--check-pfor"], "pfor"),
        (["--strict"], "strict"),
        (["tensor"], "TENSOR"),
        (["None"], "no gradient"),
    ],
)
def test_a_word_is_found_however_it_is_written(written: list[str], word: str) -> None:
    assert run("explain", *written).stdout.startswith(f"{word}: ")


def test_an_unknown_word_names_the_nearest() -> None:
    result = run("explain", "knik", code=2)
    assert result.stdout == ""
    assert result.stderr == (
        "error: There is no explanation of 'knik'. Did you mean kink? `gradcheck explain` lists all words.\n"
    )
    assert "Did you mean" not in run("explain", "zzzz", code=2).stderr


def test_no_word_leads_to_two_texts() -> None:
    firsts = [path.read_text(encoding="utf-8").split("\n\n")[0] for path in TEXTS.rglob("*.txt")]
    words = [first.partition(":")[0] for first in firsts]
    others = [word for first in firsts for word in first.partition("\nalso: ")[2].split(", ") if word]
    assert sorted({word.lower() for word in words}) == sorted(WORDS)
    assert sorted(set(others)) == sorted(others)
    assert {word.lower() for word in others}.isdisjoint(word.lower() for word in words)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    env = {"COLUMNS": str(width)}
    texts = {word: run("explain", "--", word, env=env).stdout for word in sorted(WORDS)}
    texts[""] = run("explain", env=env).stdout
    for word, text in texts.items():
        assert [line for line in text.splitlines() if len(line) > width] == [], word
    assert all(re.search(rf"^  {word} ", texts[""], re.MULTILINE | re.IGNORECASE) for word in WORDS)


def test_a_folded_command_is_the_same_to_a_shell() -> None:
    narrow = run("explain", "rearranged", env={"COLUMNS": "60"}).stdout
    [command] = re.findall(r"\$ (gradcheck .*(?:\\\n.*)*)  # exit code 1", narrow)
    assert "\\\n" in command
    [(whole, _)] = next(one.commands for one in EXAMPLES if one.word == "rearranged")
    shell = ["bash", "-c", f"printf '%s\\n' {command}"]
    words = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.splitlines()
    assert words == shlex.split(CODE.sub("", whole))


def test_numbers_in_the_texts_are_those_of_the_code() -> None:
    from gradcheck.arrays.cotangents import draw_cotangents
    from gradcheck.checks import budget, forward_mode, pfor
    from gradcheck.differences.directions import COUNT
    from gradcheck.settings import DEFAULTS

    texts = {one.word: squeezed(run("explain", one.word).stdout) for one in EXAMPLES}
    assert f"From {budget.MANY:,} evaluations on" in texts["directions"]
    assert f"in {COUNT} directions" in texts["directions"]
    assert f"1 in 2{''.join('⁰¹²³⁴⁵⁶⁷⁸⁹'[int(digit)] for digit in str(COUNT))}" in texts["directions"]
    assert f"up to {pfor.ROWS} outputs" in texts["pfor"]
    assert len(draw_cotangents(1, None, 0)) == 3
    assert "three upstream gradients" in texts["match"]
    assert f"rtol is {DEFAULTS['rtol']:g} and atol is {DEFAULTS['atol']:g}" in texts["tolerance"]
    assert forward_mode.SIDES[1] == "differences along u"


# The last line of a report.


@pytest.mark.parametrize(
    ("name", "word"),
    [("pass", None), ("kink", "kink"), ("fail", "nonfinite"), ("inconclusive", "inconclusive")],
)
def test_a_report_ends_with_the_word_that_is_due(name: str, word: str | None) -> None:
    made = ALL[name]()
    last = str(made).splitlines()[-1]
    assert due(made) == word
    assert ("gradcheck explain" in str(made)) == (word is not None)
    assert last.endswith(f"gradcheck explain {word}") == (word is not None)


def test_what_is_no_verdict_of_a_variable_has_a_word_too() -> None:
    part = run(
        "dense", "--x", "normal:8x8", "--w", "normal:8x8", "--activation", "softmax", "--budget", "60e"
    )
    assert part.stdout.splitlines()[-1].endswith("gradcheck explain budget")
    wrong = Comparison("graph tape", "eager tape", "x", 1.0, 0.1, ElementVerdict.MISMATCH)
    assert due(replace(ALL["kink"](), comparisons=(wrong,))) == "compared"
    assert due(replace(ALL["fail"](), comparisons=(wrong,))) == "nonfinite"
    strict = replace(ALL["kink"](), settings=Settings(strict=True))
    assert (strict.passed, due(strict)) == (False, "kink")


def test_a_diagnosis_of_the_worst_variable_is_due() -> None:
    good, bad = variable([M, M]), variable([X, X], name="w")
    notes = (Note(Kind.DIAGNOSIS, "off", "x", topic="tie"), Note(Kind.DIAGNOSIS, "off", "w", topic="factor"))
    assert due(report(good, bad, notes=notes)) == "factor"
    assert due(report(good, bad)) == "mismatch"
