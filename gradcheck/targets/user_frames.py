"""What a user needs to see of an exception in their own code: its message, and their own lines."""

import re
import traceback
from pathlib import Path

from gradcheck.errors import TargetError, text_of
from gradcheck.targets.defined import is_own

_BRIEF = 300
"""Characters of a message that are quoted as they are."""
SHOWN = 200
"""Characters of a message that a sentence repeats."""
_LAST = 3
"""Frames shown at most: the innermost ones."""

# Keras puts the arguments of the call around the message of a layer's exception, in bold.
_KERAS = re.compile(r"Exception encountered when calling .*?\n\n\x1b\[1m(.*?)\x1b\[0m\n", re.DOTALL)
# Keras puts the whole config before the message of what a layer's __init__ raised.
_FROM_CONFIG = re.compile(
    r".*(?:Exception encountered|Error encountered during deserialization): (?=\S)", re.DOTALL
)
# TensorFlow repeats the user's lines in the message of an exception in a tf.function.
_IN_USER_CODE = re.compile(r"\s*in user code:\n(.*)\n    (\w+: .*)\Z", re.DOTALL)
_PLACE = re.compile(r'File "(.+?)", line (\d+), in (\S+).*\n\s+(.*)')
# {{function_node …}} before a kernel's message, and [Op:…] name: … behind it.
_NODE = re.compile(r"\{\{[^{}]*\}\} ?|\s*\[Op:\w+\] name:.*\Z", re.DOTALL)


def message(error: BaseException) -> str:
    """The message of an exception as one sentence, without what Keras and TensorFlow wrap around it."""
    text = text_of(error)
    if wrapped := _KERAS.match(text):
        text = wrapped[1]
    if "could not be deserialized" in text or "when deserializing" in text:
        text = _FROM_CONFIG.sub("", text)
    if traced := _IN_USER_CODE.match(text):
        text = traced[2].partition(": ")[2]
    line = " ".join(_NODE.sub("", text).split()) or "(no message)"
    return line if line[-1] in ".!?" else f"{line}."


def brief(error: BaseException) -> str:
    """The type of an exception and the start of its message as it is, on one line."""
    said = " ".join(text_of(error).split())
    return f"{type(error).__name__}: {said[:_BRIEF]}"


def where(error: BaseException, otherwise: str) -> str:
    """The remedy of an error: the user's own lines below it, or a sentence where there are none."""
    lines = own_lines(error)
    return f"\nIt happened here:\n{lines}" if lines else otherwise


def refusal(
    name: str,
    error: BaseException,
    when: str,
    otherwise: str = "Call it by itself with the same tensors to see the cause.",
) -> TargetError:
    """The one sentence for code that raised, and the user's own lines, or what to do where there are none."""
    sentence = f"{name} raised {type(error).__name__} {when}: {message(error)}"
    return TargetError(sentence, where(error, otherwise))


def own_lines(error: BaseException) -> str:
    """Where the exception was raised in the user's own files, as Python writes it; empty if nowhere."""
    if isinstance(error, SyntaxError) and error.filename:
        places = [(error.filename, error.lineno or 0, "", (error.text or "").strip())]
    else:
        summary = traceback.extract_tb(error.__traceback__)
        places = [(frame.filename, frame.lineno or 0, frame.name, frame.line or "") for frame in summary]
    if traced := _IN_USER_CODE.match(text_of(error)):
        places += [(file, int(line), name, code) for file, line, name, code in _PLACE.findall(traced[1])]
    own = list(dict.fromkeys(place for place in places if is_own(place[0])))
    return "\n".join(_written(*place) for place in own[-_LAST:])


def _written(file: str, line: int, name: str, code: str) -> str:
    """The two lines that Python would print; a file below the working directory by its relative path."""
    path = Path(file)
    if path.is_relative_to(Path.cwd()):
        file = str(path.relative_to(Path.cwd()))
    inside = f", in {name}" if name else ""
    return f'  File "{file}", line {line}{inside}' + (f"\n    {code.strip()}" if code else "")
