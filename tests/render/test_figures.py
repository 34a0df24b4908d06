"""Figures by matplotlib: every kind is what its name says, the same each time, with the report's words."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from gradcheck.errors import GradcheckError
from gradcheck.render.figures import to_picture
from gradcheck.render.pictures import KINDS, picture_of
from tests.hand_made import failing, passing
from tests.parameters import named
from tests.render.drawn import alone, hostile, suite, swept

BEGINS = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF-1."}
SCRIPT = """
import sys
from gradcheck.render.figures import to_picture
from tests.render.drawn import suite
sys.stdout.buffer.write(to_picture(suite(timing=False), "svg"))
"""


def words(svg: bytes) -> str:
    """What is written in an SVG: matplotlib notes the text beside the outlines of its letters."""
    return svg.decode()


@pytest.mark.parametrize("kind", named(KINDS, str, lambda _, kind: kind == "svg"))
def test_every_kind_is_what_its_name_says(kind: str) -> None:
    drawn = to_picture(alone(replace(passing(), sweep=swept())), kind)
    assert drawn.startswith(BEGINS[kind])
    if kind == "svg":
        ElementTree.fromstring(drawn)
    assert drawn == to_picture(alone(replace(passing(), sweep=swept())), kind)


@pytest.mark.full
def test_a_picture_is_the_same_in_every_process_whatever_a_user_has_set(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\nfont.size: 30\nsvg.fonttype: none\n")
    drawn = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": str(seed), "MATPLOTLIBRC": rc},
            capture_output=True,
            check=True,
        ).stdout
        for seed, rc in ((1, ""), (2, str(tmp_path)))
    ]
    assert len(drawn[0]) > 10_000
    assert drawn[0] == drawn[1]


def test_a_picture_has_the_words_of_the_report() -> None:
    drawn = words(to_picture(alone(replace(failing(), sweep=swept())), "svg"))
    for said in (
        "∂[/path/x.npy]/∂w[kernel]: nonfinite.  Columns: axis 0.",
        "elements (log scale)",
        "x[0,1]; ▼ the check's step, 1e-05",
        "error |finite difference − tape|",
        "error ÷ tolerance, by decade",
        "step h, in the unit of x",
        "gradient",
    ):
        assert f"<!-- {said}" in drawn, said


@pytest.mark.full
def test_a_picture_of_a_suite_has_a_bar_for_each_check() -> None:
    made = suite()
    drawn = words(to_picture(made, "svg"))
    for result in made.results:
        assert f"<!-- {result.name} -->" in drawn
    for said in ("✓ pass", "✗ fail", "? inconclusive", "! error"):
        assert f"<!-- {said} -->" in drawn


@pytest.mark.full
def test_names_are_no_formulas_and_settings_stay() -> None:
    import matplotlib

    before = str(matplotlib.rcParams)
    drawn = words(to_picture(hostile(), "svg"))
    assert "<!-- $\\frac{$ -->" in drawn
    assert str(matplotlib.rcParams) == before


def test_gradients_keep_their_colours() -> None:
    """Blue below 0, orange above, nearly white at 0; error ÷ tolerance blue up to 1, orange above."""
    from matplotlib.colors import to_rgb

    from gradcheck.render.shades import BELOW, LIGHT, SIGNED

    def bluer(colour: str) -> float:
        red, _, blue = to_rgb(colour)
        return blue - red

    assert all(bluer(colour) > 0.05 for colour in LIGHT.signed[: SIGNED // 2 - 1])
    assert all(bluer(colour) < -0.05 for colour in LIGHT.signed[SIGNED // 2 + 2 :])
    assert min(to_rgb(LIGHT.signed[SIGNED // 2])) > 0.9
    assert all(bluer(colour) > 0 for colour in LIGHT.ratios[:BELOW])
    assert all(bluer(colour) < 0 for colour in LIGHT.ratios[BELOW:])
    lightness = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(to_rgb, LIGHT.ratios)]
    assert (np.diff(lightness[:BELOW]) < 0).all()
    assert (np.diff(lightness[BELOW:]) < 0).all()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("a.gif", "--plot a.gif names no kind of picture. Let the name end in .png, .svg or .pdf."),
        ("a", "--plot a names no kind of picture. Let the name end in .png, .svg or .pdf."),
        ("-", "--plot - names no kind of picture. Let the name end in .png, .svg or .pdf."),
        (
            "a.pnk",
            "--plot a.pnk names no kind of picture. Did you mean png? "
            "Let the name end in .png, .svg or .pdf.",
        ),
    ],
)
def test_what_is_no_picture_is_refused(file: str, said: str) -> None:
    assert picture_of("a.b/c.PNG") == "png"
    with pytest.raises(GradcheckError) as refused:
        picture_of(file)
    assert str(refused.value) == said


def test_without_matplotlib_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GradcheckError) as refused:
        picture_of("a.png")
    assert str(refused.value) == (
        "--plot needs the package matplotlib, which is not installed. Run pip install 'gradcheck[plot]'."
    )


@pytest.mark.full
def test_colours_are_those_of_the_values() -> None:
    """The picture of a gradient that is all positive has orange and no blue cells, read back from the PNG."""
    from matplotlib.image import imread

    drawn = imread(io.BytesIO(to_picture(alone(passing()), "png")))[..., :3]
    cells = drawn[drawn.shape[0] // 2 :, 80:340]
    orange = (cells[..., 0] - cells[..., 2] > 0.3).mean()
    blue = (cells[..., 2] - cells[..., 0] > 0.3).mean()
    assert orange > 0.1
    assert blue < 0.01
