"""The commands that check → the words of a suite file, so that options are listed once."""

import click

from gradcheck.cli.arguments import TENSOR_FILE
from gradcheck.cli.group import main
from gradcheck.cli.help import TENSOR, Sectioned
from gradcheck.option import Section
from gradcheck.suite.vocabulary import Command, Entry, Vocabulary

COMMANDS = ("dense", "maxpool1d", "avgpool1d", "layer", "function", "model")
"""Those that check; the package imports their modules before this one is asked."""
OF_THE_RUN = ("dask",)
"""Options besides those on the report that each check has, and a whole run for itself."""
OF_A_CHECK = ("limit",)
"""Options on the report that each check may have."""
TABLES = {"arg": "args", "const": "consts"}
"""Options whose key has another name: a table of them reads better."""


def vocabulary() -> Vocabulary:
    """The words that the commands take."""
    commands = {name: main.commands[name] for name in COMMANDS}
    given = [option for command in commands.values() for option in command.params]
    options = [option for option in given if isinstance(option, Sectioned)]
    return Vocabulary(
        {name: _command(command) for name, command in commands.items()},
        frozenset(option.name or "" for option in options if _of_the_run(option)),
    )


def _of_the_run(option: Sectioned) -> bool:
    if option.name in OF_THE_RUN:
        return True
    return option.section in (Section.REPORT, Section.OTHER) and option.name not in OF_A_CHECK


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
