"""What is said of a key that a table cannot hold."""

from gradcheck.errors import did_you_mean
from gradcheck.suite.lines import Path
from gradcheck.suite.tables import Tables
from gradcheck.suite.vocabulary import Command, Vocabulary

CHECK, DEFAULTS = "check", "defaults"
"""Keys of a suite."""
NAME, EXPECT, MATRIX = "name", "expect", "matrix"
OWN = (NAME, EXPECT, MATRIX)
"""Keys of a check beside its target and the options of its command."""
LAYER = "layer"
"""The key that names a command without a target of its own, such as maxpool1d, or else a layer of Keras."""


class Keys:
    """The keys that there are, and the errors for those that there are not."""

    def __init__(self, vocabulary: Vocabulary, tables: Tables) -> None:
        self.vocabulary = vocabulary
        self._tables = tables
        self.texts: dict[tuple[Path, str], tuple[str, ...]] = {}
        """Arguments that were made, by where the value stands and the name of the command."""
        self._unknown: set[tuple[Path, str]] = set()

    def of_command(self, key: str, target: str) -> Command:
        """The command of a check, by the key of its target and what that says."""
        commands = self.vocabulary.commands
        if key == LAYER and target in commands and not commands[target].positional:
            return commands[target]
        return commands[key]

    def unknown(self, path: Path, key: str, command: Command | None) -> None:
        """Say that a table holds no such key; `command` is that of the check, if it has one."""
        if (path, command.name if command else "") in self._unknown:  # by another cell of the grid
            return
        self._unknown.add((path, command.name if command else ""))
        owners = [owner.name for owner in self.vocabulary.owners(key)]
        name, where = (command.name, f"for {command.name}") if command else ("COMMAND", "for a check")
        remedy = f"`gradcheck {name} --help` lists the options."
        if key in self.vocabulary.of_the_run:
            found = f"{key!r} says how a run goes or is reported, which no check of a suite decides"
            remedy = "Leave it out; `gradcheck run --help` lists what a whole run can be told."
        elif path[0] == DEFAULTS and key in self.own:
            found = f"{key!r} belongs to one check, and [defaults] holds options of all"
            remedy = "Move it to a [[check]]."
        elif command is not None and owners:
            found = f"{key!r} is an option of {' and '.join(owners)}, not of {command.name}"
        else:
            every = [command] if command else self.vocabulary.commands.values()
            known = {known for each in every for known in each.entries}
            if path[0] == DEFAULTS:
                where = "in [defaults]"
            else:
                known |= self.own
            found = f"There is no key {key!r} {where}"
            remedy = did_you_mean(key, sorted(known)) + remedy
        self._tables.wrong(path, found, remedy)

    @property
    def own(self) -> set[str]:
        """The keys of a check that are no options."""
        return {*OWN, *self.vocabulary.targets}
