"""What --gradient was given: arrays by name, or where the backward pass of a function in NumPy is."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

_NAMED = re.compile(r"([^=:]+)=(.+)", re.DOTALL)


def named_gradients(texts: Sequence[str]) -> dict[str, str]:
    """The texts of the tensors by name of the variable."""
    found: dict[str, str] = {}
    for text in texts:
        named = _NAMED.fullmatch(text)
        if named is None or not named[1].strip():
            raise click.UsageError(
                f"--gradient {text} is not of the form NAME=TENSOR, such as w=gradient.npy."
            )
        name = named[1].strip()
        if name in found:
            raise click.UsageError(f"--gradient gives {name!r} twice: give one value.")
        found[name] = named[2]
    return found


def backward_pass(texts: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """FILE.py:NAME or package.module:NAME of a backward pass, if there is one, and the other texts."""
    code = [text for text in texts if _is_code(text)]
    if len(code) > 1:
        raise click.UsageError(f"--gradient names two backward passes, {' and '.join(code)}: give one.")
    return (code[0] if code else None), tuple(text for text in texts if text not in code)


def _is_code(text: str) -> bool:
    """Whether it names code, FILE:NAME or module:NAME: what has no name before =, or a file with a = in its
    path."""
    return _NAMED.fullmatch(text) is None or Path(text.rpartition(":")[0]).is_file()
