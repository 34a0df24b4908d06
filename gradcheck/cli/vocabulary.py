"""The commands that check → the words of a suite file, so that options are listed once."""

import click

from gradcheck.cli.arguments import TENSOR_FILE
from gradcheck.cli.help import TENSOR, Sectioned
from gradcheck.cli.own_code import function, layer, model
from gradcheck.cli.ready import avgpool1d, dense, maxpool1d
from gradcheck.option import Section
from gradcheck.suite.vocabulary import Command, Entry, Vocabulary

COMMANDS: tuple[click.Command, ...] = (dense, maxpool1d, avgpool1d, layer, function, model)
OF_A_CHECK = ("limit",)
"""Options on the report that each check may have."""
TABLES = {"arg": "args", "const": "consts"}
"""Options whose key has another name: a table of them reads better."""


def vocabulary() -> Vocabulary:
    """The words that the commands take."""
    options = [option for command in COMMANDS for option in command.params if isinstance(option, Sectioned)]
    return Vocabulary(
        {command.name or "": _command(command) for command in COMMANDS},
        frozenset(option.name or "" for option in options if _of_the_run(option)),
    )


def _of_the_run(option: Sectioned) -> bool:
    shown = option.section in (Section.REPORT, Section.OTHER)
    return shown and option.name not in OF_A_CHECK


def _command(command: click.Command) -> Command:
    entries = {
        TABLES.get(option.name or "", option.name or ""): _entry(option)
        for option in command.params
        if isinstance(option, Sectioned) and not _of_the_run(option)
    }
    positional = any(isinstance(parameter, click.Argument) for parameter in command.params)
    return Command(command.name or "", entries, positional)


def _entry(option: Sectioned) -> Entry:
    """What an option takes, by its metavar, such as NAME=TENSOR; text that is repeated may have names."""
    form = option.metavar or ""
    named = form.startswith("NAME=")
    json = "JSON" in form
    return Entry(
        option.opts[-1],
        flag=bool(option.is_flag),
        repeated=option.multiple,
        pairs=named or (option.multiple and option.type is click.STRING),
        named=named,
        tensor=TENSOR in form,
        json=json,
        files=TENSOR_FILE if named and json else None,
    )
