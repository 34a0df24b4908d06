"""Which of the named arrays in a file is meant."""

from collections.abc import Sequence

from gradcheck.errors import TensorError, cut
from gradcheck.inputs.source import Source

KEYS_SHOWN = 20
LONGEST = 60
"""Characters of a name in a file that are shown."""


def choose(names: Sequence[str], key: str | None, source: Source, save: str) -> str:
    """The name that `key` is, or the only one there is; `save` is what to do where there is none."""
    if key is not None and key in names:
        return key
    shown = listed(names, KEYS_SHOWN)
    if key is not None:
        raise TensorError(f"{source.where} has no array {key!r}.", f"It holds: {shown or 'no array'}.")
    if not names:
        raise TensorError(f"{source.where} holds no array.", save)
    if len(names) > 1:
        raise TensorError(
            f"{source.where} holds {len(names)} arrays: {shown}.",
            f"Name one after a colon: {source.file}:{cut(names[0], LONGEST)}.",
        )
    return names[0]


def listed(names: Sequence[str], most: int) -> str:
    """The first names, each on one line and not at any length."""
    return ", ".join(cut(name, LONGEST) for name in names[:most]) + (", …" if len(names) > most else "")


def refuse_key(key: str | None, source: Source, what: str) -> None:
    """Refuse the name of an array where there are no names."""
    if key is not None:
        raise TensorError(f"{source.where} names {key!r}, and {what} has no names.", f"Leave :{key} out.")
