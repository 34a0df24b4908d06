"""The words of a suite file: the commands that a check can be, and their options as keys of a table.

The command line derives them from its own commands and hands them on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """An option as a key of a table, and what TOML values stand for its text."""

    option: str
    """As it is written on the command line, such as `--pool-size`."""
    flag: bool = False
    """Given or not: true or false."""
    repeated: bool = False
    """Taken any number of times: an array of strings."""
    pairs: bool = False
    """Takes NAME=VALUE: a table."""
    named: bool = False
    """Takes nothing else."""
    tensor: bool = False
    """The value is a TENSOR: nested arrays of numbers are its literal."""
    json: bool = False
    """The value is JSON."""
    files: re.Pattern[str] | None = None
    """Where the value is JSON: strings that stay as they are, the names of files."""


@dataclass(frozen=True)
class Command:
    """A command that checks, and its options by key."""

    name: str
    entries: Mapping[str, Entry]
    positional: bool
    """Whether it takes a target, which its own name as a key gives: `function = "ops.py:f"`."""


@dataclass(frozen=True)
class Vocabulary:
    """Everything that a table of a suite file can hold."""

    commands: Mapping[str, Command]
    """By name."""
    of_the_run: frozenset[str]
    """Keys of options on how a run goes and is reported, which no check of a suite decides."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The keys of which a check has exactly one."""
        return tuple(name for name, command in self.commands.items() if command.positional)

    def owners(self, key: str) -> list[Command]:
        """The commands that have an option."""
        return [command for command in self.commands.values() if key in command.entries]
