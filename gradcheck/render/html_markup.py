"""Elements of HTML and SVG, well-formed as XML too; text from outside can be nothing but text."""

from __future__ import annotations

import html

from gradcheck.errors import legible


class Html(str):
    """Text that is markup already; every other text is escaped."""

    __slots__ = ()


def escaped(text: object) -> Html:
    """Markup that shows the text as it is, with � for what no page can hold."""
    if isinstance(text, Html):
        return text
    return Html(html.escape(legible(str(text)), quote=True))


def joined(*parts: object) -> Html:
    """One piece of markup of several."""
    return Html("".join(map(escaped, parts)))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """An element; `class_` stands for class, `aria_label` for aria-label, and None for no attribute."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = joined(*children)
    if not inside and name in _EMPTY:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{inside}</{name}>")


_EMPTY = {"meta", "br", "input", "path", "rect", "line", "polyline", "circle", "use"}
"""Elements that HTML, or SVG inside it, closes at once."""


def number(value: float) -> str:
    """A length in a drawing, in a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def picture(width: float, height: float, label: str, *parts: Html) -> Html:
    """A drawing with what it shows for those who do not see it."""
    size = {"width": number(width), "height": number(height)}
    box = f"0 0 {size['width']} {size['height']}"
    # On a narrow screen a picture shrinks until its letters are about to be too small.
    name = "broad" if width > 600 else "middling" if width > 400 else None
    return tag("svg", *parts, viewBox=box, **size, class_=name, role="img", aria_label=label)
