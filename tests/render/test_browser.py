"""A page in Chromium: tables sort and filter, the policy lets the page's own script and style work.

Nothing is asked of the network, and something is seen, in light and dark.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gradcheck.render.html import to_html
from tests.hand_made import M, N, X, report, variable
from tests.render.browser import NAMES, Browser, chromium
from tests.render.drawn import alone, hostile, suite

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(chromium() is None, reason=f"no Chromium is installed ({', '.join(NAMES)})"),
]
TAPE = [9.0, -2.5, 1e-7, 1e5, 0.0, np.nan, 3.0, 20.0]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
def sortable(browser: Browser, tmp_path: Path) -> Browser:
    """The elements of a variable in a table."""
    codes = [M, X, M, X, M, N, M, M]
    difference = [9.0, 2.5, 1e-7, 2e5, 0.0, 1.0, 3.0, 20.0]
    made = report(variable(codes, tape=TAPE, difference=difference, tolerance=1.0))
    page = tmp_path / "page.html"
    page.write_text(to_html(alone(made)), encoding="utf-8")
    browser.logged.clear()
    browser.open(page)
    return browser


def column(browser: Browser, number: int) -> list[str]:
    """What is seen of a column of the last table."""
    found = browser.run(
        "[...[...document.querySelectorAll('table')].at(-1).tBodies[0].rows].filter(r => !r.hidden)"
        f".map(r => r.cells[{number}].innerText)"
    )
    assert isinstance(found, list)
    return found


def press(browser: Browser, number: int) -> str:
    """Press the heading of a column by keyboard; the order that is told to those who do not see it."""
    heading = f"[...document.querySelectorAll('table')].at(-1).tHead.rows[0].cells[{number}]"
    browser.run(f"{heading}.querySelector('button').focus()")
    for kind in ("keyDown", "keyUp"):
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        browser.ask("Input.dispatchKeyEvent", type=kind, **key)
    return str(browser.run(f"{heading}.getAttribute('aria-sort')"))


def test_tables_sort_by_number_by_index_and_by_verdict(sortable: Browser) -> None:
    shown = {tape: f"[{place}]" for place, tape in enumerate(TAPE)}
    falling = [shown[tape] for tape in sorted((t for t in TAPE if t == t), reverse=True)]

    assert column(sortable, 0) == [f"[{n}]" for n in range(8)]
    assert press(sortable, 1) == "descending"
    assert column(sortable, 0) == [*falling, "[5]"]
    assert press(sortable, 1) == "ascending"
    assert column(sortable, 0) == ["[5]", *falling[::-1]]
    assert press(sortable, 5) == "ascending"
    assert column(sortable, 0)[:3] == ["[5]", "[1]", "[3]"], "the worst verdict first"
    assert press(sortable, 0) == "ascending"
    assert column(sortable, 0) == [f"[{n}]" for n in range(8)]
    press(sortable, 1)
    press(sortable, 1)
    assert press(sortable, 1) == "none"
    assert column(sortable, 0) == [f"[{n}]" for n in range(8)], "as it was"


def test_tables_filter_by_words(sortable: Browser) -> None:
    field = "document.querySelector('.filter input')"
    sortable.run(f"{field}.focus()")
    sortable.ask("Input.insertText", text="MISMATCH [3")
    assert column(sortable, 0) == ["[3]"]
    assert sortable.run("document.querySelector('.filter output').textContent") == "1 of 8"
    sortable.run(f"{field}.value = ''; {field}.dispatchEvent(new Event('input'))")
    assert len(column(sortable, 0)) == 8


def test_a_link_opens_its_check(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "suite.html"
    page.write_text(to_html(suite()), encoding="utf-8")
    browser.open(page)
    opened = "document.querySelector('#check-1 details').open"
    assert browser.run(opened) is False
    browser.run("document.querySelector('a[href=\"#check-1\"]').click()")
    browser.ask("Runtime.evaluate", expression="new Promise(r => setTimeout(r, 100))", awaitPromise=True)
    assert browser.run(opened) is True


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_is_seen_and_asks_for_nothing(
    browser: Browser, tmp_path: Path, dark: bool, width: int
) -> None:
    image = pytest.importorskip("matplotlib.image", reason="matplotlib reads the picture")
    browser.logged.clear()
    for name, made in (("suite", suite()), ("hostile", hostile())):
        page = tmp_path / f"{name}.html"
        page.write_text(to_html(made), encoding="utf-8")
        browser.open(page, width=width, dark=dark)
        seen = image.imread(io.BytesIO(browser.screenshot()))[..., :3]
        ground = np.median(seen.reshape(-1, 3), axis=0)
        assert (ground.max() < 0.2) if dark else (ground.min() > 0.9)
        ink = np.abs(seen - ground).max(axis=2) > 0.4
        assert 0.01 < ink.mean() < 0.5
        assert browser.run("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off"
    asked = [log["params"]["request"]["url"] for log in browser.logged if "request" in log["params"]]
    assert all(url.startswith("file://") and url.endswith(".html") for url in asked)
    assert [log for log in browser.logged if log["method"] != "Network.requestWillBeSent"] == []
