"""Levels of values in maps and histograms, and their colours: blue and orange, which everybody tells apart.

A level is an index into a palette. Gradients have 21 levels around 0; error ÷ tolerance has one a decade,
blue up to 1 and orange above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array

MARKS = {
    "pass": "✓",
    "fail": "✗",
    "inconclusive": "?",
    "error": "!",
    "stopped": "!",
    **{"match": "✓", "kink": "∧", "mismatch": "✗", "nonfinite": "✗", "unchecked": "–"},
}
"""Signs beside words, so that nothing rests on a colour."""
SIGNED = 21
"""Levels of gradients, the middle one for 0."""
BELOW, ABOVE = 6, 6
"""Decades of error ÷ tolerance up to 1 and above; the first and the last hold what lies beyond, too."""
UNJUDGED, WITHOUT, NOTHING = -1, -2, -3
"""Instead of a level: not judged (or not finite), agrees without a ratio of its own, no element."""


@dataclass(frozen=True)
class Palette:
    """Colours on one background."""

    signed: tuple[str, ...]
    ratios: tuple[str, ...]
    unjudged: str
    without: str
    ink: tuple[str, str]
    """Of text on cells: near the middle of a palette and at its ends."""


def _between(stops: tuple[str, ...], count: int) -> tuple[str, ...]:
    """So many colours from the first stop to the last."""
    known = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in stops], float)
    places = np.linspace(0, len(stops) - 1, count)
    mixed = [np.interp(places, np.arange(len(stops)), known[:, channel]) for channel in range(3)]
    return tuple(
        "#" + "".join(f"{round(value):02x}" for value in colour) for colour in zip(*mixed, strict=True)
    )


LIGHT = Palette(
    _between(("#1b4f9c", "#8fb4de", "#f5f5f2", "#f0b070", "#a84a00"), SIGNED),
    (*_between(("#eef3f9", "#5b8fd0"), BELOW), *_between(("#f6b26b", "#7a2f00"), ABOVE)),
    "#b9b9b9",
    "#dfe8f2",
    ("#1a1a1a", "#ffffff"),
)
DARK = Palette(
    _between(("#8cc0ff", "#3d6ea8", "#272b31", "#a8672b", "#ffb870"), SIGNED),
    (*_between(("#1f2a38", "#3f74b5"), BELOW), *_between(("#a85a14", "#ffd9a8"), ABOVE)),
    "#6b6b6b",
    "#2b3a4d",
    ("#f0f0f0", "#101010"),
)


def largest(*arrays: Array) -> float:
    """The largest finite size, which the ends of a palette stand for; 1 where all are 0."""
    values = np.abs(np.concatenate([array.reshape(-1) for array in arrays]))
    return float(values[np.isfinite(values)].max(initial=0.0)) or 1.0


def gradient_levels(values: Array, largest: float) -> Array:
    """Levels of gradients by their share of the largest; UNJUDGED of what is not finite."""
    with np.errstate(invalid="ignore"):
        share = np.clip(np.nan_to_num(values) / largest, -1, 1)
    levels = np.rint((share + 1) * (SIGNED - 1) / 2).astype(int)
    return np.where(np.isfinite(values), levels, UNJUDGED)


def ratio_levels(ratio: Array) -> Array:
    """Levels of error ÷ tolerance by decade; a ratio of exactly 1 belongs below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        decade = np.ceil(np.log10(ratio))
    levels = np.clip(np.nan_to_num(decade, nan=ABOVE), 1 - BELOW, ABOVE) + (BELOW - 1)
    return np.asarray(levels.astype(int))
