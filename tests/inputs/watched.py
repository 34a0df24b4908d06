"""One reading under watch: what it may do, how long it may take, and what it may say."""

from __future__ import annotations

import resource
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gradcheck.errors import GradcheckError, SuiteError

SECONDS = 1.0
"""Of processor time for a reading, as other processes of the machine do not count there."""
LONGEST = 1500
"""Characters of what is said."""
MEMORY = 2**30
"""Bytes of address space that readings may add to what the process has."""
_FORBIDDEN = (
    *(
        "exec",
        "import",
        "os.system",
        "os.exec",
        "os.fork",
        "os.posix_spawn",
        "os.spawn",
        "subprocess.",
        "socket.",
    ),
    *(
        "pickle.",
        "marshal.",
        "ctypes.",
        "code.",
        "urllib.",
        "http.",
        "shutil.",
        "os.remove",
        "os.rename",
        "os.mkdir",
    ),
    *("os.symlink", "os.link", "os.chmod", "os.putenv", "signal.", "tempfile."),
)
_BIDIRECTIONAL = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Watch:
    """Events of Python's audit hook, which nothing can take away again, while a reading runs."""

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        """`allowed` are beginnings of events that the reading of a kind needs."""
        self.allowed = allowed
        self.running = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.running or not isinstance(event, str):
            return
        if event == "open":
            _, mode, flags = arguments
            forbidden = bool(set(mode or "r") & set("wax+")) or (mode is None and flags & 0o1103)
        else:
            forbidden = event.startswith(_FORBIDDEN)
        told = f"{event} {arguments!r}"[:300]
        if forbidden and not told.startswith(self.allowed):
            self.seen.append(told)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.seen.clear()
        self.running = True
        try:
            yield
        finally:
            self.running = False


def limit_memory() -> None:
    """Let the process have `MEMORY` more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, most))


def wrong(read: Callable[[], object], watch: Watch) -> str | None:
    """What is wrong with a reading that should give something, or one sentence; None where nothing is."""
    started, said = time.process_time(), None
    try:
        with watch():
            read()
    except GradcheckError as error:
        said = error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"raised {type(error).__name__}: {str(error)[:200]!r}"
    seconds = time.process_time() - started
    if watch.seen:
        return f"did {watch.seen[0]}"
    if seconds > SECONDS:
        return f"took {seconds:.1f} s"
    return None if said is None else misspoken(said)


def misspoken(error: GradcheckError) -> str | None:
    """What is wrong with what an error says."""
    text = str(error)
    if isinstance(error, SuiteError):  # a sentence for each line that is wrong
        text = text.replace("\n", " ")
    if bad := [sign for sign in text if unicodedata.category(sign) in _RAW or sign in _BIDIRECTIONAL]:
        return f"said {bad[0]!r} in {text[:300]!r}"
    if len(text) > LONGEST and not isinstance(error, SuiteError):
        return f"said {len(text):,} characters: {text[:200]!r}"
    if not error.found.endswith((".", "?", "!", "…")):
        return f"said no sentence: {error.found[-200:]!r}"
    return None


_RAW = ("Cc", "Cs", "Zl", "Zp")
"""Control characters, halves of characters, and separators of lines and paragraphs."""
