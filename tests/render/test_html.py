"""Pages, against the report that they are made of: what is in them is read by parsers of XML and HTML."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from gradcheck.render.grid import Grid
from gradcheck.render.histogram import Histogram
from gradcheck.render.html import to_html
from gradcheck.render.html_report import OF_A_TABLE
from gradcheck.render.numbers import power
from gradcheck.render.shades import BELOW, ratio_levels
from gradcheck.report.suite import CheckResult, SuiteReport
from tests.hand_made import ALL, K, M, N, Q, U, X, failing, passing, report, variable
from tests.render.drawn import HOSTILE, alone, hostile, large, suite, swept

Element = ElementTree.Element
ACTIVE = {"link", "img", "iframe", "object", "embed", "base", "form", "audio", "video", "image", "use", "a"}
"""Elements that may fetch something, or lead elsewhere."""


def page(made: SuiteReport) -> Element:
    """The page, which is well-formed XML as well."""
    return ElementTree.fromstring(to_html(made).removeprefix("<!DOCTYPE html>\n"))


def texts(found: Element, path: str) -> list[str]:
    return ["".join(one.itertext()) for one in found.iterfind(path)]


def rows(table: Element) -> list[list[str]]:
    """The cells of the body of a table, without the sign of a verdict."""
    cells = [["".join(cell.itertext()) for cell in row] for row in table.iterfind("tbody/tr")]
    return [[re.sub(r"^[✓✗∧?!–] (?=\w)", "", cell) for cell in row] for row in cells]


def table(found: Element, caption: str) -> Element:
    (one,) = [t for t in found.iter("table") if t.findtext("caption", "").startswith(caption)]
    return one


# What is in a page.


@pytest.mark.parametrize("name", ALL)
def test_a_table_holds_the_numbers_of_the_report(name: str) -> None:
    made = ALL[name]()
    found = page(alone(made))

    lines = rows(table(found, "Variables"))
    assert [line[0] for line in lines] == [v.label for v in made.variables]
    assert [int(line[3].replace(",", "")) for line in lines] == [v.verdicts.size for v in made.variables]
    for variable_ in made.variables:
        shown = rows(table(found, f"Elements of {variable_.label}"))
        assert [line[0] for line in shown] == [str(list(index)) for index in variable_.rows(0)]
        for line, index in zip(shown, variable_.rows(0), strict=True):
            np.testing.assert_allclose(float(line[1]), variable_.tape[index], rtol=1e-4)
            assert (
                line[-1].split(",")[0]
                == [*"?", "match", "kink", "inconclusive", "mismatch", "nonfinite"][
                    int(variable_.verdicts[index])
                ]
            )


def test_a_suite_has_a_row_and_a_section_for_each_check() -> None:
    made = suite()
    found = page(made)

    shown = rows(table(found, "Checks"))
    assert [line[:2] for line in shown] == [[one.name, one.word] for one in made.results]
    assert [line[2] for line in shown] == [
        f"{one.expected.value}{'' if one.expectedly else ' (not met)'}" for one in made.results
    ]
    sections = {one.attrib["id"]: one for one in found.iter("section") if "id" in one.attrib}
    links = [a.attrib["href"] for a in found.iter("a")]
    assert links == [f"#check-{n}" for n in range(1, len(made.results) + 1)]
    for link, result in zip(links, made.results, strict=True):
        section = sections[link[1:]]
        assert "".join(section.find("details/summary/h2").itertext()).startswith(result.name)  # type: ignore[union-attr]
        assert ("open" in section.find("details").attrib) is not result.expectedly  # type: ignore[union-attr]
    text = "".join(found.itertext())
    assert "4 of 7 checks did not end as expected." in text
    assert "Not begun, after too many failures: later." in text
    assert "Signal 6 (SIGABRT)." in text
    assert "s.toml:7" in text
    assert len(text) < 60_000, "what a check printed is cut"


def test_a_page_can_be_read_without_seeing_it() -> None:
    found = page(suite())

    assert found.attrib["lang"] == "en"
    assert found.findtext("head/title") == "fail: s.toml – gradcheck"
    assert all(t.findtext("caption") for t in found.iter("table"))
    assert all(th.attrib["scope"] == "col" for th in found.iter("th"))
    assert all(svg.attrib["role"] == "img" and svg.attrib["aria-label"] for svg in found.iter("svg"))
    assert all("tabindex" in div.attrib for div in found.iter("div") if div.find("table") is not None)
    badges = [one for one in found.iter("span") if one.attrib["class"].startswith("is ")]
    assert all(re.fullmatch(r"[✓✗∧?!–] \w.*", "".join(one.itertext())) for one in badges)
    for name in ("match", "kink", "mismatch", "nonfinite", "inconclusive", "pass", "fail", "error"):
        assert any(name in text.split() for text in texts(found, ".//span")), name


def test_a_histogram_counts_every_element_once() -> None:
    ratios = [0.0, 1e-12, 0.1, 0.11, 1.0, 1.0000001, 10.0, 10.1, 1e12, np.inf]
    codes = [M] * 5 + [X] * 4 + [N]
    one = variable([*codes, Q, U], tape=0.0, difference=[*ratios[:-1], np.nan, 5.0, np.nan], tolerance=1.0)
    found = Histogram.of(report(one))

    assert found.left_out == 2
    labels = {label: count for label, count, _ in found.bars if count}
    expected = {"0": 1, "≤ 10⁻⁹": 1, "≤ 0.1": 1, "≤ 1": 2, "≤ 10": 2, "≤ 100": 1, "≤ 10⁹": 1, "∞": 1}
    assert labels == expected
    assert [label for label, _, passes in found.bars if passes][-1] == "≤ 1"
    drawn = texts(page(alone(report(one))), ".//{*}text") or texts(page(alone(report(one))), ".//text")
    assert {*expected} <= {*drawn}


@pytest.mark.parametrize(("strict", "name", "mark"), [(False, "kink", "∧"), (True, "mismatch", "✗")])
def test_kinks_look_like_what_they_count(strict: bool, name: str, mark: str) -> None:
    """Also in the bars, where a ratio of 0.5 is that of what agrees."""
    one = variable([M, K, K], tape=[0.0, 0.5, 0.0], difference=[0.0, 0.0, 5.0], tolerance=1.0)
    made = report(one, strict=strict)
    found = page(alone(made))

    said = {f"{mark} kink", f"{mark} 1 match, 2 kink"}
    assert {t for span in found.iter("span") if (t := "".join(span.itertext())) and "kink" in t} == said
    shown = [span for span in found.iter("span") if "kink" in "".join(span.itertext())]
    assert {span.attrib["class"] for span in shown} == {f"is {name}"}
    bars = [rect.attrib["class"] for rect in found.iter("rect")]
    assert bars == (["below", "above"] if strict else ["below", "below"])
    histogram = Histogram.of(made)
    assert [count for _, count, passes in histogram.bars if not passes and count] == [2] * strict
    assert histogram.left_out == (0 if strict else 1)


def test_levels_change_at_one() -> None:
    levels = ratio_levels(np.array([0, 1e-300, 0.0999, 0.1, 1, 1 + 1e-9, 10, 1e300, np.inf]))
    assert levels.tolist() == [
        0,
        0,
        BELOW - 2,
        BELOW - 2,
        BELOW - 1,
        BELOW,
        BELOW,
        2 * BELOW - 1,
        2 * BELOW - 1,
    ]
    assert [power(n) for n in (-12, -2, 0, 2, 3)] == ["10⁻¹²", "0.01", "1", "100", "10³"]


# Maps.


@pytest.mark.parametrize(
    "shape", [(), (1,), (5,), (200,), (3, 4), (7, 1, 3), (50, 3, 40), (1, 1), (301, 207)]
)
def test_each_cell_of_a_map_is_the_worst_of_its_block(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    difference = random.normal(size=shape)
    one = variable(np.full(shape, M), tape=0.0, difference=difference, tolerance=10.0)
    grid = Grid.of(one, 12, 16)

    rows, columns = grid.shape
    height, width = grid.whole
    assert rows <= 12
    assert columns <= 16
    assert 0 <= height * width - difference.size < width
    kept = grid.chosen[grid.chosen >= 0]
    assert len({*kept.tolist()}) == kept.size
    flat_errors = np.full(height * width, -1.0)
    flat_errors[: difference.size] = np.abs(difference.reshape(-1))
    whole = flat_errors.reshape(height, width)
    blocks = [
        np.unique(np.linspace(0, n, m, endpoint=False).astype(int))
        for n, m in ((height, rows), (width, columns))
    ]
    for (row, column), flat in np.ndenumerate(grid.chosen):
        ends = [[*starts, n] for starts, n in zip(blocks, (height, width), strict=True)]
        block = whole[ends[0][row] : ends[0][row + 1], ends[1][column] : ends[1][column + 1]]
        assert block.max() == (-1.0 if flat < 0 else abs(difference.reshape(-1)[flat]))


def test_what_fails_is_seen_among_many() -> None:
    made = large((300, 400), every=10**7)
    found = page(alone(made))
    levels = {name for path in found.iter("path") for name in path.attrib.get("class", "").split()}
    worst = ratio_levels(np.array(made.variables[0].worst_ratio))
    assert f"r{worst}" in levels
    assert "Each cell is the worst of up to 5 × 5 elements." in "".join(found.itertext())


# Sweeps.


def test_the_step_curve_marks_the_step_and_the_tolerance() -> None:
    text = "".join(page(alone(replace(failing(), sweep=swept()))).itertext())
    assert "Steps of x[0,1]: tape 0.7501, difference 0.75." in text
    assert "▼ the check's step, 1e-05" in text
    assert "tolerance" in text
    corner = "".join(page(alone(replace(failing(), sweep=swept(half=0.25)))).itertext())
    assert "Steps of x[0,1], at a corner: tape 0.7501, difference 0.75." in corner
    assert "slope up" in corner


def test_errors_by_chance_are_dots_and_beyond_the_plane_there_is_no_line() -> None:
    sweep = swept()
    errors = np.where(np.arange(19) == 12, 0.0, sweep.steps**2 + 1e-16 / sweep.steps)
    made = replace(sweep, up=0.75 + errors, down=0.75 + errors, tape=0.75)
    found = page(alone(replace(failing(), sweep=made)))
    drawn = {
        path.attrib["class"]: path.attrib["d"]
        for path in found.iter("path")
        if path.attrib.get("class", "").startswith("curve")
        and not re.fullmatch(r"\S+ 294h\d+", path.attrib["d"])
    }

    assert re.fullmatch(r"M[\d.]+ [\d.]+h0", drawn["curve chance"])
    assert drawn["curve error"].count("M") == 2
    assert drawn["curve error"].count("h0") == 18
    heights = [float(y) for d in drawn.values() for y in re.findall(r"[ML][\d.]+ ([\d.]+)", d)]
    assert all(22 <= y <= 242 for y in heights)


# What a page must not do.


def test_equal_reports_are_equal_pages() -> None:
    assert to_html(suite(timing=False)) == to_html(suite(timing=False))
    slower = replace(suite(timing=False), seconds=99.0)
    again = replace(slower, results=tuple(replace(one, seconds=3.0) for one in slower.results))
    assert to_html(again) == to_html(suite(timing=False))
    quick = replace(passing(), timing=False)
    assert to_html(alone(quick)) == to_html(alone(replace(quick, seconds=7.0)))
    assert to_html(alone(passing())) != to_html(alone(replace(passing(), seconds=7.0)))


class Names(HTMLParser):
    """The elements and attributes of a page, as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}


def test_text_from_outside_is_text() -> None:
    written = to_html(hostile())
    found = page(hostile())
    names = Names(written)

    assert names.elements.count("script") == 1
    assert names.elements.count("b") == 0
    assert not [name for name in names.attributes if name.startswith("on") or name in ("style", "src")]
    shown = [line[0] for line in rows(table(found, "Checks"))]
    cleaned = [re.sub("[\x00\x1b\ud800\u202e]", "\ufffd", name) for name in HOSTILE for _ in range(2)]
    assert shown == cleaned
    written.encode()
    assert "\x1b" not in written


@pytest.mark.parametrize("made", [suite, hostile, lambda: alone(large((30, 30)))])
def test_nothing_comes_from_elsewhere(made: type[SuiteReport]) -> None:
    written = to_html(made())  # type: ignore[call-arg]
    found = page(made())  # type: ignore[call-arg]

    outside = re.sub(r"http-equiv|javascript:alert\(1\)", "", written)
    assert not re.search(r"https?:|//[a-z]|\bsrc=|url\(|@import|\bimport\b|data:|fetch|XMLHttp", outside)
    assert {one.tag for one in found.iter()} & ACTIVE <= {"a"}
    assert all(a.attrib["href"].startswith("#check-") for a in found.iter("a"))


def test_the_policy_allows_this_script_and_this_style_alone() -> None:
    found = page(suite())
    (policy,) = [m.attrib["content"] for m in found.iter("meta") if m.attrib.get("http-equiv")]

    def hashed(name: str) -> str:
        (one,) = found.iter(name)
        return base64.b64encode(hashlib.sha256((one.text or "").encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashed('style')}'; script-src 'sha256-{hashed('script')}'; "
        "base-uri 'none'; form-action 'none'"
    )


# How large a page is.


def test_a_large_model_makes_no_large_page() -> None:
    assert len(to_html(alone(large((300, 400))))) < 300_000
    everything = replace(large((40, 30)), limit=0)
    assert len(rows(table(page(alone(everything)), "Elements of x"))) == OF_A_TABLE


@pytest.mark.full
def test_a_suite_of_many_models_makes_no_large_page() -> None:
    many = report(*(replace(large((90, 90)).variables[0], name=f"w{n}") for n in range(100)), limit=0)
    made = SuiteReport("s", tuple(CheckResult(f"{n}", many) for n in range(20)))
    assert len(to_html(made)) < 12_000_000
    assert len(to_html(alone(large((1000, 1200))))) < 300_000


def test_no_check_at_all() -> None:
    found = page(SuiteReport("s.toml", ()))
    assert found.findtext("head/title") == "error: s.toml – gradcheck"
    assert "No check was run." in "".join(found.itertext())
