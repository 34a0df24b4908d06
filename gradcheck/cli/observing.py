"""Who is told how far a check is."""

import sys
from collections.abc import Callable
from functools import partial

from gradcheck.progress import Progress


def observer(*, quiet: bool, verbose: bool) -> Progress:
    """A bar where somebody sits at the terminal, lines where they are asked for, nothing where silence is."""
    if sys.stderr is None or quiet:
        return Progress()
    shown = Progress()
    write: Callable[[str], None] = partial(print, file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        from gradcheck.render.progress import Bar

        shown = bar = Bar()
        write = bar.say
    if not verbose:
        return shown
    from gradcheck.render.stages import Stages

    return Stages(shown, write)
