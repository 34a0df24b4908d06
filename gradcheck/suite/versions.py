"""What two machines must have in common for a report to be the same, whichever of them made it."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gradcheck.errors import GradcheckError
from gradcheck.version import __version__

TENSORFLOW = "tensorflow", "tensorflow-cpu", "tf-nightly"
"""Packages that are TensorFlow, of which a machine has one."""
FLAGS = "flags", "Features"
"""Lines of /proc/cpuinfo that name the instructions of a processor."""


@dataclass(frozen=True)
class Versions:
    """What results depend on besides the function, by name."""

    gradcheck: str
    python: str
    numpy: str
    keras: str
    tensorflow: str
    instructions: str
    """Of the processor, by which TensorFlow chooses its kernels: whether the last bit is the same depends on
    them too. Empty where no more than the verdict has to be."""

    @classmethod
    def here(cls, *, processor: bool) -> Versions:
        """Those of this process, with the instructions of its `processor` or without; loads no TensorFlow."""
        python = ".".join(platform.python_version_tuple()[:2])
        packages = _found("numpy"), _found("keras"), _found(*TENSORFLOW)
        return cls(__version__, python, *packages, _instructions() if processor else "")

    def refuse_others(self, there: Versions, where: str) -> None:
        """Raise `GradcheckError` where another process has not the same."""
        different = [
            "other processor instructions" if name == "instructions" else f"{name} {other}, not {own}"
            for name, own, other in zip(vars(self), vars(self).values(), vars(there).values(), strict=True)
            if other != own
        ]
        if different:
            kind = " on machines of one kind" if self.instructions else ""
            raise GradcheckError(
                f"{where} has {'; '.join(different)}.",
                f"Use the same versions{kind}: a report must not depend on who made it.",
            )


def _found(*packages: str) -> str:
    """The version of the first of some packages that is installed."""
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            return version(package)
    return "none"


def _instructions() -> str:
    """The instructions of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line for line in lines if line.startswith(FLAGS)), platform.machine())
