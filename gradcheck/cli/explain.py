"""The command explain: what a word of a report, an option or a diagnosis means, with an example."""

import shutil
import textwrap

import click

from gradcheck.cli.completion import words
from gradcheck.cli.explanation import COMMAND, GROUPS, Explanation, explanations, find
from gradcheck.cli.group import main, write_out
from gradcheck.cli.help import WIDEST, folded, write_section
from gradcheck.cli.options import TRACEBACK
from gradcheck.errors import ExitCode

COLUMN = 21
"""Where summaries begin in the list: two columns behind the longest word."""
EXAMPLES = ("gradcheck explain", "gradcheck explain kink", "gradcheck explain upstream gradient")


@main.command(examples=EXAMPLES, context_settings={"ignore_unknown_options": True})
@click.argument("word", nargs=-1, metavar="[WORD]", shell_complete=words)
@TRACEBACK
def explain(word: tuple[str, ...], traceback: bool) -> ExitCode:
    """Explain a word, with an example; without one, list all words.

    WORD is a verdict, a word of a report, what a diagnosis is about, or an option.
    """
    width = min(shutil.get_terminal_size().columns, WIDEST)
    write_out(rendered(find(" ".join(word)), width) if word else listed(width))
    return ExitCode.PASS


def listed(width: int) -> str:
    """All words with their summaries, by groups."""
    formatter = click.HelpFormatter(width=width)
    for group, title in GROUPS.items():
        rows = [(one.word, one.summary) for one in explanations() if one.group == group]
        write_section(formatter, title, "", rows, COLUMN)
    formatter.write("\ngradcheck explain WORD says more, with an example.\n")
    return formatter.getvalue().lstrip("\n")


def rendered(explanation: Explanation, width: int) -> str:
    """One explanation: paragraphs are filled to the width, commands are folded to it."""
    parts = [_filled(f"{explanation.word}: {explanation.summary}", width)]
    for indented, text in explanation.blocks:
        parts.append(_block(text, width) if indented else _filled(text, width))
    if explanation.also:
        parts.append(_filled(f"Also: {', '.join(explanation.also)}", width))
    return "\n\n".join(parts) + "\n"


def _filled(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def _block(text: str, width: int) -> str:
    lines = (folded(line, width) if line.startswith(COMMAND) else line for line in text.split("\n"))
    return "\n".join(lines)
