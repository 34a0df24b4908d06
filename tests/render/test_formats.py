"""Reports and suites in the forms that other programs read, against literal text and against their readers.

tests/render/cases/ holds what each is printed as; `python -m tests.render.test_formats` writes it: read the
difference. `junit-10.xsd` is the schema of Jenkins' xUnit plugin, under the MIT licence that it begins with.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import xmlschema
from markdown_it import MarkdownIt

from gradcheck import __version__
from gradcheck.errors import ExitCode
from gradcheck.render import jsonl, suite_table
from gradcheck.render.csv import to_csv
from gradcheck.render.github import MOST, to_github
from gradcheck.render.html import to_html
from gradcheck.render.junit import to_junit
from gradcheck.render.markdown import to_markdown
from gradcheck.render.table import to_terminal
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from gradcheck.verdicts.verdict import Comparison, Verdict
from tests.hand_made import M, X, failing, inconclusive, kinked, passing, report, variable

CASES = Path(__file__).parent / "cases"
SCHEMA = Path(__file__).parent / "junit-10.xsd"
ROOT = Path("/work space")
HOSTILE = (
    "=q\"' \r\n a|b \\| [x] <b>&amp; `c` ``d`` ::error:: ##[set] 50%0A,k=v *e* _f_ ]]> @me #1 ~~g~~ "
    "\N{BELL} \x07\x1b[31m \x85 \u202e \u2028\x9b2J"
)
"""What some format might take for markup, a command, a formula or the end of a cell."""
SAFE = re.sub("[\x07\x1b\x85\u202e\u2028\x9b]", "\ufffd", HOSTILE)
"""The same with a sign for what XML forbids, a terminal obeys, or turns the order of signs around."""
FLAT = re.sub("[\x07\x1b\u202e\x9b]", "\ufffd", re.sub("\r\n|\x85|\u2028", " ", HOSTILE))
BROKEN = Failure("TensorError", "--x x.npy: there is no such file.", "Give a file.")


def check(name: str, outcome: Any, line: int = 7, **more: Any) -> CheckResult:
    where = (f"{ROOT}/ops/gradcheck.toml", line)
    command = f"gradcheck maxpool1d --x {name}.npy"
    return CheckResult(name, outcome, seconds=0.25, place=where, command=command, **more)


def suite() -> SuiteReport:
    """Every ending that a check can have."""
    placed = replace(failing(), source=(f"{ROOT}/ops.py", 12))
    compared = replace(
        passing(),
        comparisons=(
            Comparison("XLA tape", "eager tape", "x", 3.0, 1.5, X, (0, 1), ""),
            Comparison.without("graph tape", "eager tape", "w", "cannot be traced"),
        ),
    )
    results = (
        check("good", passing()),
        check("tie", kinked(), 9),
        check("bad", placed, 11, printed="a note\n"),
        check("apart", compared, 12),
        check("known", failing(), 13, expected=Verdict.FAIL),
        check("mended", passing(), 15, expected=Verdict.FAIL),
        check("open", inconclusive(), 17),
        check("broken", BROKEN, 19),
        check("gone", Failure("Crashed", "The process ended.", exit_code=ExitCode.BUG), 21),
    )
    return SuiteReport("ops/gradcheck.toml", results, ("later",), 1.5)


def hostile() -> SuiteReport:
    """The same text wherever a user's own may stand."""
    wrong = report(variable([M, X], name=HOSTILE, tape=[2, 3]), target=HOSTILE)
    failure = Failure("TargetError", HOSTILE, HOSTILE)
    results = (check(HOSTILE, wrong, printed=HOSTILE), check(f"{HOSTILE} 2", failure))
    return SuiteReport(HOSTILE, results, (HOSTILE,), 0.5)


def alone() -> SuiteReport:
    """A check of the command line."""
    return SuiteReport("gradcheck", (CheckResult("dense", failing()),), timing=False)


SUITES = {"suite": suite, "hostile": hostile, "alone": alone}
FORMS: dict[str, Callable[[SuiteReport], str]] = {
    ".txt": lambda made: suite_table.to_terminal(made, None, color=False),
    ".60.txt": lambda made: suite_table.to_terminal(made, 60, color=False),
    ".json": lambda made: jsonl.to_json(made).replace(f'"{__version__}"', '"VERSION"'),
    ".jsonl": lambda made: jsonl.to_lines(made).replace(f'"{__version__}"', '"VERSION"'),
    ".junit.xml": lambda made: to_junit(made, ROOT).decode(),
    ".md": to_markdown,
    ".github.txt": lambda made: to_github(made, ROOT),
    ".csv": to_csv,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SUITES)
def test_written_as_on_record(name: str, form: str) -> None:
    expected = (CASES / f"{name}{form}").read_bytes().decode()
    assert FORMS[form](SUITES[name]()) == expected


def _obeyed(sign: str) -> bool:
    """Whether a terminal or a reader does something else with a sign than to show it, by Unicode's tables."""
    turned = unicodedata.bidirectional(sign) in {
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    }
    return turned or (unicodedata.category(sign) in {"Cc", "Zl", "Zp", "Cs"} and sign not in "\t\n\r")


@pytest.mark.parametrize("form", [*FORMS, ".html", "table", "colours"])
def test_no_text_of_users_reaches_a_terminal_as_a_command(form: str) -> None:
    outcome = hostile().results[0].outcome
    assert isinstance(outcome, Findings)
    also: dict[str, Callable[[SuiteReport], str]] = {
        ".html": to_html,
        "table": lambda _: to_terminal(outcome, None, color=False),
        "colours": lambda _: re.sub("\x1b\\[[0-9;]*m", "", to_terminal(outcome, 60, color=True)),
    }
    text = (FORMS | also)[form](hostile())
    assert [sign for sign in text if _obeyed(sign)] == []


# JUnit XML, as xmlschema and the parser of Python's library read it.


@pytest.mark.parametrize("name", SUITES)
def test_junit_is_what_the_schema_describes(name: str) -> None:
    made = to_junit(SUITES[name](), ROOT)
    xmlschema.XMLSchema(SCHEMA).validate(made.decode())


def test_the_schema_refuses_what_is_none() -> None:
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        xmlschema.XMLSchema(SCHEMA).validate("<testsuites><testcase name='x' file='y'/></testsuites>")


def test_one_testcase_a_check() -> None:
    root = ElementTree.fromstring(to_junit(suite(), ROOT))
    found = root.find("testsuite")
    assert found is not None
    inside = {case.get("name"): [child.tag for child in case] for case in found}
    assert inside == {
        "good": [],
        "tie": [],
        "bad": ["failure", "system-err"],
        "apart": ["failure"],
        "known": ["system-out"],
        "mended": ["failure"],
        "open": ["failure"],
        "broken": ["error"],
        "gone": ["error"],
        "later": ["skipped"],
    }
    counts = [found.get(key) for key in ("tests", "failures", "errors", "skipped", "file")]
    assert counts == ["10", "4", "2", "1", "ops/gradcheck.toml"]
    assert {case.get("classname") for case in found} == {"ops.gradcheck"}


def test_junit_keeps_the_text_of_users() -> None:
    root = ElementTree.fromstring(to_junit(hostile(), ROOT))
    cases = root.findall("testsuite/testcase")
    assert [case.get("name") for case in cases] == [SAFE, f"{SAFE} 2", SAFE]
    assert root.get("name") == SAFE
    error, printed = cases[1].find("error"), cases[0].findtext("system-err")
    assert error is not None
    assert error.get("message") == SAFE
    assert f"{SAFE} {SAFE}".replace("\r\n", "\n") in str(error.text)
    assert printed == SAFE.replace("\r\n", "\n")


# CSV, as Python's library reads it.


def rows(made: SuiteReport) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(made), newline=""), strict=True))


def test_csv_has_the_numbers_of_every_element_and_comparison() -> None:
    found = rows(suite())
    bad = [row for row in found if row["check"] == "bad"]
    expected = failing().variables[0]
    assert [float(row["tape"]) for row in bad[:2]] == expected.tape[:2].tolist()
    assert np.isnan(float(bad[2]["tape"])) and float(bad[2]["difference"]) == -np.inf
    assert [row["verdict"] for row in bad] == ["match", "mismatch", "nonfinite", "mismatch"]
    assert [row["index"] for row in bad] == ["[0]", "[1]", "[2]", "[0]"]
    ties = [row for row in found if row["check"] == "tie"]
    assert [(row["low"], row["high"]) for row in ties] == [("", ""), ("0.0", "1.0"), ("0.0", "1.0")]
    apart, untold = (row for row in found if row["compared"])
    assert (apart["error"], apart["error_over_tolerance"], apart["against"]) == ("3.0", "2.0", "eager tape")
    assert (untold["error"], untold["note"]) == ("", "cannot be traced")
    broken = next(row for row in found if row["check"] == "broken")
    assert (broken["verdict"], broken["note"]) == ("error", f"'{BROKEN}")


def test_csv_keeps_the_text_of_users_and_no_formula() -> None:
    text = to_csv(hostile())
    assert all(line.endswith("\r\n") for line in text.splitlines(keepends=True)[:1])
    found = rows(hostile())
    assert {row["check"] for row in found} == {f"'{SAFE}", f"'{SAFE} 2"}
    assert {row["variable"] for row in found} == {f"'{SAFE}", ""}
    for made in map(rows, (suite(), hostile(), alone())):
        for cell in (cell for row in made for cell in row.values()):
            # A number may begin with its sign.
            assert not re.match(r"[=+\-@\t\r\n]", cell) or float(cell) is not None
    for sign in "=+-@\t\r\n'":
        named = SuiteReport("s", (CheckResult(f"{sign}1+1", passing()),))
        assert {row["check"] for row in rows(named)} == {f"'{sign}1+1"}


# JSON.


def test_json_holds_what_each_check_writes_alone() -> None:
    made = suite()
    found = json.loads(jsonl.to_json(made))
    lines = [json.loads(line) for line in jsonl.to_lines(made).splitlines()]
    assert lines[:-1] == found.pop("checks")
    assert lines[-1] == found
    for line, result in zip(lines, made.results, strict=False):
        if isinstance(result.outcome, Failure):
            assert line["error"] == {
                "type": result.outcome.kind,
                "message": result.outcome.found,
                "remedy": result.outcome.remedy,
            }
            assert "report" not in line
        else:
            assert line["report"] == result.outcome.to_dict()  # type: ignore[attr-defined]
    assert found["counts"] == {"pass": 4, "fail": 2, "inconclusive": 1, "error": 2} | {"fail": 3, "pass": 3}
    assert (found["exit_code"], found["not_run"], found["seconds"]) == (1, ["later"], 1.5)


def test_json_keeps_the_text_of_users() -> None:
    lines = jsonl.to_lines(hostile()).split("\n")
    assert [json.loads(line)["name"] for line in lines[:-1]] == [HOSTILE, f"{HOSTILE} 2", HOSTILE]
    assert json.loads(lines[1])["error"]["message"] == HOSTILE


# GitHub's commands, as its runner reads them.


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Kind, properties and message of each line that begins with `::`, as actions/runner decodes them."""
    found = []
    for line in text.split("\n"):
        if not line.startswith("::"):
            assert "##[" not in line  # an older form, which the runner finds anywhere in a line
            continue
        head, _, data = line[2:].partition("::")
        kind, _, listed = head.partition(" ")
        properties = {}
        for part in listed.split(","):
            name, _, value = part.partition("=")
            for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
                value = value.replace(code, sign)
            properties[name] = value
        for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            data = data.replace(code, sign)
        found.append((kind, properties, data))
    return found


def test_annotations_are_at_the_lines_of_functions_else_of_checks() -> None:
    found = commands(to_github(suite(), ROOT))
    places = {p["title"]: (kind, p["file"], p["line"]) for kind, p, _ in found}
    assert places == {
        "gradcheck: bad": ("error", "ops.py", "12"),
        "gradcheck: apart": ("error", "ops/gradcheck.toml", "12"),
        "gradcheck: mended": ("error", "ops/gradcheck.toml", "15"),
        "gradcheck: gone": ("error", "ops/gradcheck.toml", "21"),
        "gradcheck: broken": ("error", "ops/gradcheck.toml", "19"),
        "gradcheck: open": ("warning", "ops/gradcheck.toml", "17"),
    }
    assert commands(to_github(suite(), Path("/elsewhere")))[0][1]["file"] == f"{ROOT}/ops.py"
    assert "the gradient of [/path/x.npy] is wrong\n  w[kernel]: " in found[0][2]


def test_annotations_keep_the_text_of_users() -> None:
    text = to_github(hostile(), ROOT)
    found = commands(text)
    assert [properties["title"] for _, properties, _ in found] == [
        f"gradcheck: {SAFE}",
        f"gradcheck: {SAFE} 2",
    ]
    assert SAFE in found[0][2]
    assert found[1][2].startswith(f"{SAFE} {SAFE}")
    assert len(text.splitlines()) == 3


def test_github_shows_the_worst() -> None:
    wrong = [report(variable([X], tape=2 + error)) for error in np.linspace(1e-3, 1, 15)]
    results = tuple(CheckResult(f"number {n}", made) for n, made in enumerate(wrong))
    text = to_github(SuiteReport("s", results), ROOT)
    titles = [properties["title"] for _, properties, _ in commands(text)]
    assert titles == [f"gradcheck: number {n}" for n in range(14, 14 - MOST, -1)]
    assert "gradcheck: 5 more without an annotation" in text


# Markdown, as a reader of GitHub's tables reads it.


class Cells(HTMLParser):
    """The text of the cells of tables, of summaries and of blocks of code."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, list[str]] = {}
        self.tags: set[str] = set()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag in ("td", "th", "summary", "pre"):
            self._open.append(tag)
            self.found.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag == self._open[-1]:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[self._open[-1]][-1] += data


def read(markdown: str) -> Cells:
    cells = Cells()
    cells.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
    return cells


def test_markdown_keeps_the_text_of_users() -> None:
    found = read(to_markdown(hostile()))
    assert len(found.found["th"]) == 6
    assert found.found["td"][::6] == [FLAT, f"{FLAT} 2"]
    assert found.found["summary"] == [f"{FLAT}: fail", f"{FLAT} 2: error"]
    assert SAFE.replace("\r\n", "\n") in found.found["pre"][0]
    assert not found.tags & {"b", "em", "a", "s", "img"}


@pytest.mark.parametrize(
    "text", ["x[0, 1]", "a`b", "`", " a ", "", "a|b", "\\", "a\\", "<b>", "&lt;", "*", "  "]
)
def test_markdown_shows_a_name_as_it_is(text: str) -> None:
    made = SuiteReport("s", (CheckResult(text, passing()), CheckResult("two", kinked())))
    assert read(to_markdown(made)).found["td"][::6] == [text, "two"]


def test_a_fence_in_a_text_ends_no_block() -> None:
    text = "before\n```\n# heading <b>bold</b>\n````\nafter"
    found = read(to_markdown(SuiteReport("s", (CheckResult("f", Failure("TargetError", text)),))))
    assert found.found["pre"] == [f"{text}\n"]
    assert not found.tags & {"h1", "b"}


def test_one_check_is_shown_by_variables() -> None:
    found = read(to_markdown(alone()))
    assert found.found["th"][0] == "variable"
    assert found.found["td"][::7] == ["w[kernel]", "b"]


@pytest.mark.parametrize("most", [0, 40, 300, 700, 1500, 10**6])
def test_markdown_is_cut_between_its_parts(most: int) -> None:
    whole = to_markdown(suite())
    cut = to_markdown(suite(), most)
    assert len(cut.encode()) <= most
    if len(whole.encode()) <= most:
        assert cut == whole
        return
    kept, said, _ = cut.rpartition("\n*Cut")
    assert whole.startswith(kept)
    assert bool(said) == (most > 0)
    assert cut.count("```") % 2 == 0
    assert cut.count("<details>") == cut.count("</details>")


def test_a_long_block_is_cut_at_a_line() -> None:
    long = Failure("TargetError", "ends here.", "\n" + "\n".join(["word " * 20] * 1000))
    found = read(to_markdown(SuiteReport("s", (CheckResult("f", long),))))
    lines = found.found["pre"][0].rstrip("\n").split("\n")
    assert lines[-1] == "…"
    assert {line.strip() for line in lines[1:-1]} == {("word " * 20).strip()}
    assert 100 < len(lines) < 300


# A suite that was stopped.


@pytest.mark.parametrize("form", [".txt", ".junit.xml", ".md", ".github.txt", ".html"])
def test_a_suite_that_was_stopped_has_no_other_verdict(form: str) -> None:
    """Though nothing that has ended did so otherwise than expected."""
    made = SuiteReport("s.toml", (check("good", passing()),), ("later",), stopped=143)
    text = (FORMS | {".html": to_html})[form](made)
    assert re.search("stopped|STOPPED", text)
    assert not re.search("PASS|All checks ended", text)
    assert json.loads(jsonl.to_json(made))["exit_code"] == 143


# The table of a suite.


def test_a_suite_in_a_pipe_is_plain_and_whole() -> None:
    text = suite_table.to_terminal(suite(), None, color=False)
    assert "\x1b" not in text
    assert text.endswith(suite_table.to_closing(suite(), None, color=False))
    for result in suite().results:
        assert len(re.findall(rf"(?m)^{result.name} ", text)) in (1, 2)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("name", SUITES)
def test_a_suite_overruns_no_terminal(name: str, width: int) -> None:
    from rich.cells import cell_len

    text = suite_table.to_terminal(SUITES[name](), width, color=False)
    assert max(map(cell_len, text.split("\n"))) <= width


def test_a_line_as_a_check_ends() -> None:
    lines = [suite_table.line(result, 6) for result in suite().results]
    assert lines[0] == "good    pass          6 elements  error/tolerance 1.5e-05  0.25 s"
    assert lines[4] == "known   fail (expected fail)  4 elements  error/tolerance inf  0.25 s"
    assert suite_table.line(suite().results[7], 6, timing=False) == "broken  error"


def test_a_suite_of_which_nothing_ran() -> None:
    text = suite_table.to_terminal(SuiteReport("s.toml", ()), None, color=False)
    assert text == "\n ERROR   s.toml: no check was run, in 0.00 s\n"


if __name__ == "__main__":
    for case, make_case in SUITES.items():
        for suffix, written in FORMS.items():
            (CASES / f"{case}{suffix}").write_bytes(written(make_case()).encode())
