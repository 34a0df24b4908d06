"""What can go wrong, each with a remedy, how text of others is said, and the exit codes that tell a shell."""

import difflib
import re
from collections.abc import Iterable
from enum import IntEnum

REPLACED = "\N{REPLACEMENT CHARACTER}"
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\x7f-\x9f\u2028\u2029]"
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""What XML 1.0 forbids (section 2.2), a terminal might obey, or some readers take for the end of a line; and
what turns the order of signs around (property Bidi_Control), so that text reads as another one."""
_BREAKS = re.compile("\r\n|[\t\n\r\x85\u2028\u2029]")
LONGEST = 1000
"""Characters of a line of what was found: names and texts in files may have any length."""


class ExitCode(IntEnum):
    """How the process ends; the report decides between the first, second and fourth."""

    PASS = 0
    FAIL = 1
    UNUSABLE = 2
    INCONCLUSIVE = 3
    BUG = 70
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line for --help and the README."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.PASS: "everything agrees (kinks included)",
    ExitCode.FAIL: "at least one gradient disagrees or is not finite",
    ExitCode.UNUSABLE: "the check could not run: usage, bad input, or the function raised",
    ExitCode.INCONCLUSIVE: "nothing disagrees, but something could not be judged",
    ExitCode.BUG: "a bug in gradcheck",
    ExitCode.INTERRUPTED: "stopped with Ctrl-C",
}


def did_you_mean(wrong: str, known: Iterable[str], most: int = 3) -> str:
    """The beginning of a remedy, `Did you mean relu or relu6? `: known words near a wrong one, whatever their
    capitals; empty where none is near."""
    small = {word.lower(): word for word in known}
    near = [small[found] for found in difflib.get_close_matches(wrong.lower(), small, n=most)]
    return f"Did you mean {' or '.join(near)}? " if near else ""


def legible(text: str) -> str:
    """The text with a sign for each control character that is no space, and for halves of characters."""
    return _FORBIDDEN.sub(REPLACED, text)


def escaped(json: str) -> str:
    """JSON with the same characters as numbers, which is no other text; halves of characters are none."""
    return _FORBIDDEN.sub(lambda found: REPLACED if _half(found[0]) else f"\\u{ord(found[0]):04x}", json)


def _half(sign: str) -> bool:
    return "\ud800" <= sign <= "\udfff"


def one_line(text: str) -> str:
    """The same on one line, with a space for each line break and tab."""
    return legible(_BREAKS.sub(" ", text))


def cut(text: str, most: int) -> str:
    """The same on one line, without the middle of what is longer than so many characters."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - most // 3]} … {line[-(most // 3) :]}"


def beginning(text: str, most: int) -> str:
    """The text without the end of what is longer than so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def text_of(error: BaseException) -> str:
    """What an exception says; empty where saying it raises, too."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # SystemExit, too: its code must not pass for a verdict
        return ""


class GradcheckError(Exception):
    """The check could not run: one sentence on what was found and the rule, one on what to do."""

    exit_code = ExitCode.UNUSABLE

    def __init__(self, found: str, remedy: str = "") -> None:
        """Join `found` (what was found, and the rule it breaks) and `remedy` (what to do) to the message."""
        # Both may quote a file or its name, which must not speak to the terminal.
        found, remedy = "\n".join(cut(line, LONGEST) for line in found.split("\n")), legible(remedy)
        super().__init__(f"{found}{'' if remedy.startswith(chr(10)) else ' '}{remedy}".strip())
        self.found = found
        self.remedy = remedy


class TensorError(GradcheckError):
    """A tensor could not be read, or holds what cannot be differentiated."""


class ShapeError(GradcheckError):
    """Tensors whose shapes do not fit the layer or one another."""


class TargetError(GradcheckError):
    """The function could not be called, raised, or returned what has no gradient."""


class SettingError(GradcheckError):
    """A setting of the check has a value that cannot be."""


class SuiteError(GradcheckError):
    """A suite file cannot be read, or says what cannot be: a line for each error; or no check is named so."""


class NondeterministicError(GradcheckError):
    """The function gave two different outputs at one point."""


class TimedOut(BaseException):
    """The time of a check is over; no `Exception`, so that code under check does not take it for its own."""

    def __init__(self, seconds: float) -> None:
        """So many seconds were given."""
        super().__init__(seconds)
        self.seconds = seconds


class GradientError(AssertionError):
    """A report that did not pass, raised by `assert_gradients` and `Report.raise_for_failure`."""
