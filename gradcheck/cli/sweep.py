"""The command `sweep`: what a command checks, one element of it at many steps."""

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from gradcheck.cli.document import PICTURES, Form
from gradcheck.cli.group import main, note, terminal
from gradcheck.cli.help import LaidGroup, Sectioned
from gradcheck.cli.options import Check, Common, Sweeping
from gradcheck.cli.vocabulary import COMMANDS
from gradcheck.errors import ExitCode
from gradcheck.option import Section
from gradcheck.settings import DEFAULTS
from gradcheck.targets.element import Element

FORMS = (Form.TABLE, Form.JSON)
OF_CHECKS_ALONE = {
    *("order", "mode", "execution", "check_pfor", "where", "strict"),
    *("limit", "save", "html", "no_timing", "heatmap"),
    "dask",
}
"""Options that a sweep does not take: of further checks and of what fails, which it does not judge; of the
report of a check; and of evaluations so many that they are shared out, where a sweep makes some 300."""
EXAMPLES = (
    "gradcheck sweep dense --x x.npy --w w.npy --element 'w[0,1]'",
    "gradcheck sweep function ops.py:my_gelu --arg x=normal:8x4",
)


CODES = {
    ExitCode.PASS: "the sweep was made, whatever it shows",
    ExitCode.UNUSABLE: "the sweep could not be made: usage, bad input, or the function raised",
    **{code: code.meaning for code in (ExitCode.BUG, ExitCode.INTERRUPTED)},
}


@main.group(cls=LaidGroup, examples=EXAMPLES, codes=CODES)
def sweep() -> None:
    """Show the error of the finite difference at every step, for one element.

    Takes what a command that checks takes, and --element. Truncation makes the error of a difference fall as
    the square of the step while the step shrinks, and rounding makes it rise again: a V on log axes, with the
    step that the check takes. An error that stays the same over many steps is one of the tape. Where the
    function is curved, the check extrapolates from its step and a smaller one, and its own error lies below
    the curve. At a corner the slopes of both sides are shown.

    A terminal gets the curve (with plotille, which gradcheck[plot] installs), a pipe the table. A sweep
    shows and does not judge: the exit code is 0 unless it could not be made.
    """


def _element(context: click.Context, parameter: click.Parameter, text: str | None) -> Element | None:
    try:
        return None if text is None else Element.of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _options() -> list[click.Parameter]:
    return [
        Sectioned(
            ["--element"],
            metavar="NAME[I,J]",
            envvar="GRADCHECK_ELEMENT",
            section=Section.CHECKS,
            callback=_element,
            help="The element to sweep, such as 'x[0,1]', or b for a scalar; -1 is the last along an axis.  "
            "[default: the worst, which a check finds]",
        ),
        Sectioned(
            ["--format"],
            type=click.Choice([form.value for form in FORMS]),
            default=Form.TABLE.value,
            show_default=True,
            envvar="GRADCHECK_FORMAT",
            section=Section.REPORT,
            help="Form of the sweep.",
        ),
    ]


def _swept(check: Any) -> click.Command:
    """The command that sweeps what another one checks."""
    unused = {
        one.name: DEFAULTS.get(
            str(one.name), False if isinstance(one, click.Option) and one.is_flag else None
        )
        for one in check.params
        if one.name in OF_CHECKS_ALONE
    }
    # The forms of a sweep are fewer.
    kept = [one for one in check.params if one.name not in OF_CHECKS_ALONE | {"format"}]
    command: click.Command = type(check)(
        check.name,
        params=[*_options(), *kept],
        callback=partial(_run, check.callback, unused),
        help=f"Sweep an element of what `gradcheck {check.name}` checks.",
        codes=CODES,
        examples=[line.replace("gradcheck", "gradcheck sweep", 1) for line in check.examples],
    )
    return command


def _run(
    check: Callable[..., Check], unused: dict[str, Any], element: Element | None, **given: Any
) -> Sweeping:
    made = check(**given, **unused)
    for wanted in made.options.documents:
        if wanted.form not in (*FORMS, *PICTURES):
            raise click.UsageError(f"A sweep is written as table or json, not as {wanted.form.value}.")
    _advise(made.options)
    return Sweeping(made.target, made.spec, made.options, element=element)


def _advise(options: Common) -> None:
    """Say where a curve would be shown if plotille were there."""
    from gradcheck.render.curve import INSTALLED

    shown = any(one.form is Form.TABLE and one.place.standard_output for one in options.documents)
    if shown and terminal()[0] is not None and not INSTALLED:
        note("pip install 'gradcheck[plot]' shows a curve here.", options.quiet)


for _name in COMMANDS:
    sweep.add_command(_swept(main.commands[_name]))
