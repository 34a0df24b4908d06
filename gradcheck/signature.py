"""Functions that take the settings as keywords: signature and documentation from the fields of `Settings`."""

import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gradcheck.errors import did_you_mean
from gradcheck.settings import DEFAULTS, OPTIONS

Function = TypeVar("Function", bound=Callable[..., Any])

WIDTH = 104
"""Columns of the documentation; a narrower one changes nothing but where lines are broken."""


def takes_settings(function: Function) -> Function:
    """A function that ends with `**settings`, with a keyword for each setting instead, and its documentation.

    The docstring's section Parameters gets an entry for each setting at its end.
    """
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    settings = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in DEFAULTS.items()
    ]
    vars(function)["__signature__"] = signature.replace(parameters=[*own, *settings])
    _extend(function, [_entry(name, option.doc) for name, option in OPTIONS.items()])
    return function


def documents(**texts: str) -> Callable[[Function], Function]:
    """A function whose docstring's section Parameters gets an entry for each of the parameters named."""

    def decorated(function: Function) -> Function:
        _extend(function, [_entry(*pair) for pair in texts.items()])
        return function

    return decorated


def _extend(function: Callable[..., Any], entries: list[str]) -> None:
    """Put entries at the end of the section Parameters of a docstring."""
    text = inspect.getdoc(function)
    if text is not None:  # python -OO keeps none
        before, returns, after = text.partition("\n\nReturns\n")
        function.__doc__ = "\n".join([before, *entries]) + returns + after


def _entry(name: str, text: str) -> str:
    return f"{name}\n{textwrap.indent(textwrap.fill(text, WIDTH), '    ')}"


def refuse_unknown(function: Callable[..., Any], keywords: Mapping[str, Any]) -> None:
    """Raise TypeError that names the nearest parameter where a keyword is none of a function's."""
    known = list(inspect.signature(function).parameters)
    for name in keywords:
        if name not in known:
            hint = did_you_mean(name, known, most=1) or f"Its options are: {', '.join(known)}."
            raise TypeError(f"{function.__name__}() has no option {name!r}. {hint.strip()}")
