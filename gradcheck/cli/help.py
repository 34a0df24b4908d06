"""How --help is laid out: options by sections, then examples, exit codes and the environment."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from gradcheck.errors import ExitCode
from gradcheck.option import Section

Command = TypeVar("Command", bound=Callable[..., Any])

WIDEST = 100
"""Columns of help and explanations, however wide the terminal is."""
NARROW = 72
"""Columns below which what an option does stands under the option, not beside it."""
BESIDE, UNDER = 24, 8
"""Column where what an option does begins, in a wide terminal and in a narrow one."""
TENSOR = "TENSOR"
ABOVE = {
    Section.TENSORS: "A TENSOR is a file (.npy, .npz, .json, .csv, .tsv, .txt, .mat, .safetensors, or "
    "file.npz:key), - for standard input, a literal such as 3.0 or [[1,2],[3,4]], or random numbers such as "
    "normal:8x64 or uniform:8x64.",
    Section.TOLERANCE: "Tape and difference agree within atol + rtol·S, where S is the sum of the sizes "
    "|r_i ∂f_i/∂x_j| of what all outputs i contribute to element j, and r the upstream gradient.",
}
"""What is said in a section before its options."""
ENVIRONMENT = (
    "Every option reads a variable of the environment, --rtol reads GRADCHECK_RTOL and --data-format reads "
    "GRADCHECK_DATA_FORMAT. NO_COLOR=1 removes colours."
)
SHELLS = (
    ("bash", 'eval "$(_GRADCHECK_COMPLETE=bash_source gradcheck)"'),
    ("zsh", 'eval "$(_GRADCHECK_COMPLETE=zsh_source gradcheck)"'),
    ("fish", "_GRADCHECK_COMPLETE=fish_source gradcheck | source"),
)
"""The line that switches completion on in each shell."""


class Sectioned(click.Option):
    """An option that --help shows in a section."""

    def __init__(self, *names: Any, section: Section = Section.OTHER, **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.section = section


def option(*names: str, show_default: bool = True, **settings: Any) -> Callable[[Command], Command]:
    """A Click option that also reads GRADCHECK_<its long name>, with its `section` of --help."""
    variable = "GRADCHECK_" + names[-1].removeprefix("--").upper().replace("-", "_")
    return click.option(*names, cls=Sectioned, envvar=variable, show_default=show_default, **settings)


def with_options(command: Command, *options: Callable[[Any], Any]) -> Command:
    """A command with some options, which --help shows in this order."""
    for decorate in reversed(options):
        command = decorate(command)
    return command


class Laid(click.Command):
    """A command, or a group of some, whose --help has sections, and examples."""

    def __init__(
        self,
        *arguments: Any,
        examples: Sequence[str] = (),
        codes: Mapping[ExitCode, str] | None = None,
        **settings: Any,
    ) -> None:
        """`codes` are the exit codes with what they mean; None for those of a check."""
        super().__init__(*arguments, **settings)
        self.examples = tuple(examples)
        self.codes = {code: code.meaning for code in ExitCode} if codes is None else codes

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section; those of Click itself come last."""
        found: dict[Section, list[tuple[str, str]]] = {section: [] for section in Section}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, click.Option) and record is not None:
                section = parameter.section if isinstance(parameter, Sectioned) else Section.OTHER
                found[section].append(record)
        column = BESIDE if formatter.width >= NARROW else UNDER
        for section, records in found.items():
            if records:
                write_section(formatter, section.value, ABOVE.get(section, ""), records, column)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, the exit codes, and what the environment can say."""
        if self.examples:
            lines = [folded(f"  {example}", formatter.width) for example in self.examples]
            _write_lines(formatter, "Examples", lines)
        codes = [(f"{code.value:>3}", meaning) for code, meaning in self.codes.items()]
        write_section(formatter, "Exit codes", "", codes, UNDER - 1)
        write_section(formatter, "Environment", ENVIRONMENT)


class LaidGroup(Laid, click.Group):
    """A group whose --help ends with the lines for shells."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands before the options, which are two."""
        names = self.list_commands(ctx)
        told = [(name, self.commands[name].get_short_help_str(limit=WIDEST)) for name in names]
        write_section(formatter, "Commands", "", told, max(map(len, names)) + 4)
        super().format_options(ctx, formatter)
        if ctx.parent is None:
            write_section(formatter, TENSOR, ABOVE[Section.TENSORS])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what a command has there, and the lines for shells."""
        super().format_epilog(ctx, formatter)
        if ctx.parent is not None:
            return
        # A line that is broken would be two commands.
        lines = [f"  {shell:4}  {line}" for shell, line in SHELLS]
        _write_lines(formatter, "Completion by the Tab key, in the start-up file of", lines)


def write_section(
    formatter: click.HelpFormatter,
    title: str,
    above: str = "",
    records: Sequence[tuple[str, str]] = (),
    column: int = UNDER,
) -> None:
    """Write a title, a paragraph and records: a term, and from `column` on what it is, below a long term."""
    lines = [_wrapped(above, formatter.width, "  ")] if above else []
    lines += [""] if above and records else []
    for term, text in records:
        head = f"  {term}"
        if len(head) + 2 > column:
            lines.append(head)
            head = ""
        lines.append(_wrapped(text, formatter.width, " " * column, f"{head:{column}}"))
    _write_lines(formatter, title, lines)


def _write_lines(formatter: click.HelpFormatter, title: str, lines: Sequence[str]) -> None:
    formatter.write(f"\n{title}:\n" + "".join(f"{line}\n" for line in lines))


def _wrapped(text: str, width: int, indent: str, first: str | None = None) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def folded(line: str, width: int) -> str:
    """A command in lines of at most `width` columns, where its options allow, that a shell takes as one."""
    command, mark, comment = line.partition("  # ")
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    first, *options = command.split(" --")
    lines = [first]
    for number, option in enumerate(options, start=1):
        # A line that goes on ends with a backslash.
        end = mark + comment if number == len(options) else " \\"
        if len(f"{lines[-1]} --{option}{end}") <= width:
            lines[-1] += f" --{option}"
        else:
            lines.append(f"{indent}--{option}")
    return " \\\n".join(lines) + mark + comment
