"""Runs the tests on mutants: all are collected once, then a process is forked for each mutant.

The fork takes 0.1 s, where importing TensorFlow and collecting takes ten. It gives the changed function its
new code, or, where what runs at the import has changed, imports everything of this project anew. No operation
of TensorFlow may run before, for a process with its threads cannot be forked.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.util
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.mutation.mutants import Mutant
from tests.syntax import ROOT

PLAINLY = ["-p", "no:cacheprovider", "-p", "no:terminal", "-n", "0", "--capture=no"]
MEMORY = 6 * 2**30
"""Bytes of address space that a mutant may take beyond what was taken before: TensorFlow's threads take 2."""


@dataclass(frozen=True)
class Fate:
    """What became of a mutant."""

    killer: str
    """The test that failed, `timeout` or `crash`; empty where it survived."""
    tests: int
    """How many were to run."""
    seconds: float


class Failed(Exception):
    """A test did."""


class Watch:
    """Stops at the first test that fails."""

    failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.pytest_collectreport(report)

    def pytest_collectreport(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            self.failed = report.nodeid
            raise Failed(report.nodeid)


class Loop:
    """A plugin that runs what it is given, in place of the tests."""

    def __init__(self, work: Callable[[dict[str, pytest.Item]], None]) -> None:
        self.work = work

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.work({item.nodeid: item for item in session.items})
        return True


def fate(mutant: Mutant | None, items: Sequence[pytest.Item], patience: float) -> Fate:
    """Run tests on a mutant, or on the code as it is, in a process of its own, for `patience` seconds."""
    began = time.monotonic()
    end, start = os.pipe()
    process = os.fork()
    if process == 0:
        _become(start, lambda: _run(mutant, items))
    os.close(start)
    if not select.select([end], [], [], patience)[0]:
        killer = "timeout"
        os.killpg(process, signal.SIGKILL)
    else:
        killer = os.read(end, 4096).decode() or "crash"
    os.close(end)
    os.waitpid(process, 0)
    return Fate(killer.removeprefix("survived"), len(items), time.monotonic() - began)


def _become(start: int, work: Callable[[], None]) -> None:
    """Work in this forked process, say how it went, and end."""
    os.setpgid(0, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: SIM115
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    said = "survived"
    try:
        work()
    except Failed as failed:
        said = str(failed)
    except BaseException as error:
        said = f"import: {type(error).__name__}"
    finally:
        os.write(start, said[:4000].encode())
        os._exit(0)


def _run(mutant: Mutant | None, items: Sequence[pytest.Item]) -> None:
    if mutant is not None and not _put_in(mutant):
        _import_anew(mutant)
        names = [item.nodeid for item in items]
        files = dict.fromkeys(str(ROOT / name.partition("::")[0]) for name in names)
        watch = Watch()
        again = Loop(lambda found: _all(found[name] for name in names))
        # pytest turns what it does not expect into an exit code.
        if pytest.main([*files, *PLAINLY], plugins=[watch, again]) != pytest.ExitCode.OK:
            raise Failed(watch.failed or "import")
        return
    items[0].config.pluginmanager.register(Watch())
    _all(items)


def _all(items: Iterable[pytest.Item]) -> None:
    """Run tests, with their fixtures."""
    several = list(items)
    for item, following in zip(several, [*several[1:], None], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)


def _put_in(mutant: Mutant) -> bool:
    """Give a function its new code; False where it has none, or none that can be found."""
    if mutant.function is None:
        return False
    holder: Any = sys.modules[mutant.module]
    new = mutant.code()
    for name in mutant.function.split("."):
        holder = vars(holder).get(name)
        new = next(
            part for part in reversed(new.co_consts) if isinstance(part, CodeType) and part.co_name == name
        )
    function = _plain(holder)
    if function is None or function.__code__.co_freevars != new.co_freevars:
        return False
    function.__code__ = new
    return True


def _plain(holder: Any) -> FunctionType | None:
    """The function that was written, below its decorators."""
    if isinstance(holder, property):
        holder = holder.fget
    elif isinstance(holder, functools.cached_property):
        holder = holder.func
    holder = getattr(holder, "__func__", holder)
    holder = getattr(holder, "__wrapped__", holder)
    return holder if isinstance(holder, FunctionType) else None


class Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds the mutant in place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> Any:
        if fullname != self.mutant.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self.mutant.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        return self.mutant.code()

    def get_source(self, fullname: str) -> str:
        return self.mutant.path.read_text(encoding="utf-8")


def _import_anew(mutant: Mutant) -> None:
    """Forget all modules of the package and of the tests, and have the mutant found when it is imported."""
    for name in [
        name for name in sys.modules if name.partition(".")[0] in ("gradcheck", "tests", "conftest")
    ]:
        del sys.modules[name]
    sys.meta_path.insert(0, Changed(mutant))
    # Before pytest puts a finder of its own in front, which finds the modules of an installed plugin.
    importlib.import_module(mutant.module)
