"""The texts of `gradcheck explain`: one file for each word, gradcheck/explanations/GROUP/WORD.txt.

A file begins with `WORD: SUMMARY`, and `also: OTHER, WORDS` where there are any. Paragraphs follow, and
indented blocks: files (`# NAME.py`) and commands (`$ gradcheck …`), each with a part of what it prints.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from gradcheck.errors import GradcheckError, did_you_mean

GROUPS = {
    "verdicts": "Verdicts",
    "report": "Words of a report",
    "diagnoses": "Diagnoses",
    "checks": "What can be checked besides",
    "commands": "The command line",
}
"""The folders in their order, and what a list calls them."""
INDENT = "    "
COMMAND = f"{INDENT}$ "


@dataclass(frozen=True)
class Explanation:
    """What there is to say about one word."""

    word: str
    summary: str
    """Half a sentence."""
    also: tuple[str, ...]
    """Other words for the same text."""
    body: str
    """Paragraphs and indented blocks, with an empty line between any two."""
    group: str
    """A key of `GROUPS`."""

    @property
    def blocks(self) -> Iterator[tuple[bool, str]]:
        """Whether it is an indented block, and the block as it is, or a paragraph on one line."""
        for indented, lines in _joined(self.body.split("\n\n")):
            yield indented, lines if indented else " ".join(lines.split())


def _joined(parts: list[str]) -> Iterator[tuple[bool, str]]:
    """Parts of a text, where indented ones in a row are one: code has empty lines of its own."""
    block: list[str] = []
    for part in parts:
        if part.startswith(INDENT):
            block.append(part)
            continue
        if block:
            yield True, "\n\n".join(block)
        block = []
        yield False, part
    if block:
        yield True, "\n\n".join(block)


@cache
def explanations() -> tuple[Explanation, ...]:
    """All of them, in the order of the groups and of the alphabet within one."""
    from importlib.resources import files

    folder = files("gradcheck") / "explanations"
    found = [
        _read(entry.read_text(encoding="utf-8"), group)
        for group in GROUPS
        for entry in sorted((folder / group).iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".txt")
    ]
    return tuple(found)


def _read(text: str, group: str) -> Explanation:
    head, _, body = text.partition("\n\n")
    first, _, second = head.partition("\n")
    word, _, summary = first.partition(": ")
    also = tuple(second.removeprefix("also: ").split(", ")) if second else ()
    return Explanation(word, summary, also, body.strip("\n"), group)


def find(text: str) -> Explanation:
    """The explanation of a word, however it is written; raises `GradcheckError` with the nearest words."""
    known: dict[str, Explanation] = {}
    for explanation in explanations():
        for word in (explanation.word, *explanation.also):
            known.setdefault(_key(word), explanation)
    # A word of its own comes before another's.
    known |= {_key(explanation.word): explanation for explanation in explanations()}
    if found := known.get(_key(text)):
        return found
    near = did_you_mean(_key(text), known)
    raise GradcheckError(
        f"There is no explanation of {text!r}.", f"{near}`gradcheck explain` lists all words."
    )


def _key(word: str) -> str:
    """Small letters, single spaces for spaces, hyphens and underscores, and no signs around the word."""
    return " ".join(re.split(r"[\s_-]+", word.casefold().strip(" -`'\"()…=:.")))
