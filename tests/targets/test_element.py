"""The text of an element: what it names, and what is said of text that names none."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck.errors import GradcheckError
from gradcheck.targets.element import Element

SHAPES = {"x": (3, 4, 5), "params/W1": (2, 3), "b": (), "v": (7,)}


@pytest.mark.parametrize(
    ("text", "name", "index"),
    [
        ("x[0,1,2]", "x", (0, 1, 2)),
        (" x[ 2 , -1,-5 ] ", "x", (2, 3, 0)),
        ("params/W1[1,2]", "params/W1", (1, 2)),
        ("v[-7]", "v", (0,)),
        ("b", "b", ()),
        ("b[]", "b", ()),
    ],
)
def test_an_element_is_that_of_numpy(text: str, name: str, index: tuple[int, ...]) -> None:
    element = Element.of(text)

    assert element.variable == name
    assert (
        element.flat(SHAPES, "f")
        == np.arange(1000)[: np.prod(SHAPES[name], dtype=int)].reshape(SHAPES[name])[index]
    )


NONSENSE = (
    "",
    " ",
    *("[0]", "x[", "x]", "x[0", "x[0,]", "x[,0]", "x[0]x", "x[[0]]", "x[0][1]"),
    *("x[0:2]", "x[a]", "x[1.5]", "x[1e2]", "x[--1]", "x[٣]", "x[9999999999999999999]"),
)


@pytest.mark.parametrize("text", NONSENSE)
def test_what_names_no_element_is_told_how_one_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no element: name an input and an index, such as 'x\[0,1\]'"):
        Element.of(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("y[0]", "--element names 'y', which is no variable of f. Choose from: x, params/W1, b, v."),
        ("params/w1[0,0]", "Did you mean params/W1? Choose from"),
        ("x[0]", "has 1 index, and x has shape (3, 4, 5). Give one for each axis, such as 'x[0,0,0]'."),
        ("x", "--element x has 0 indices"),
        ("b[0]", "--element b[0] has 1 index, and b has shape (). Give one for each axis, such as 'b'."),
        (
            "x[0,4,0]",
            "is outside of x, which has shape (3, 4, 5). Along axis 1 give 0 to 3, or -1 to -4 from",
        ),
        ("v[-8]", "Along axis 0 give 0 to 6, or -1 to -7 from its end."),
    ],
)
def test_an_element_that_is_not_there_is_refused_with_what_is(text: str, said: str) -> None:
    with pytest.raises(GradcheckError) as refused:
        Element.of(text).flat(SHAPES, "f")

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
