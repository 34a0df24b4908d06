"""TensorFlow, loaded once, late, and without its log lines, and the device that it runs on.

TF_CPP_MIN_LOG_LEVEL does not silence what is logged before TensorFlow's logging is initialised (oneDNN, CUDA,
cuInit). Those lines go straight to file descriptor 2, so that is where they are held back.
"""

import contextlib
import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from gradcheck.errors import GradcheckError, TargetError

_seconds = 0.0
_CGROUP = Path("/sys/fs/cgroup")
"""Where a container sees what it may use (Linux control groups, version 2)."""


def seconds_of_loading() -> float:
    """How long `load_tensorflow` has taken in this process, which is 0 where somebody else has loaded it."""
    return _seconds


def cores() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int:
    """Bytes that this process may still take, as far as the operating system says."""
    return _pages("SC_AVPHYS_PAGES")


def machine_memory() -> int:
    """The same if no other process took any."""
    return _pages("SC_PHYS_PAGES")


def _pages(name: str) -> int:
    """Bytes of a count of pages, or what `ulimit` and the container leave of them."""
    found = [2**63]
    with contextlib.suppress(ValueError, OSError, AttributeError):
        found.append(os.sysconf(name) * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(ImportError, OSError, IndexError, ValueError):
        import resource

        # `ulimit -v` bounds addresses, of which the first number of statm is how many pages are taken.
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        found += [limit - taken] if limit != resource.RLIM_INFINITY else []
    with contextlib.suppress(OSError, ValueError, KeyError):  # no container, or `max` where it has no limit
        limit, used = (int((_CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
        # What is kept of files is given back as soon as somebody needs the place.
        found.append(limit - used + int(dict(line.split() for line in lines)["inactive_file"]))
    return max(0, min(found))


def load_tensorflow() -> None:
    """Import TensorFlow and run one operation with file descriptor 2 held back, unless it is loaded."""
    if "tensorflow" in sys.modules:
        return
    global _seconds
    began = time.perf_counter()
    _load()
    _seconds += time.perf_counter() - began


def _load() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with held_back() as held, _uncollected():
        try:
            import tensorflow as tf

            tf.add(1.0, 1.0)
            tf.get_logger().setLevel("ERROR")
        except Exception as error:
            # Why TensorFlow could not be loaded is in what it logged.
            held.seek(0)
            text = held.read().decode(errors="replace")
            raise GradcheckError(
                f"TensorFlow could not be loaded ({type(error).__name__}: {error}).",
                f"Install it again. It said:\n{text}",
            ) from error


@contextlib.contextmanager
def held_back() -> Iterator[BinaryIO]:
    """File descriptor 2 goes to a temporary file, and comes back whatever happens."""
    import tempfile  # 4 ms that --help does without

    with tempfile.TemporaryFile() as held:
        if sys.stderr is not None:  # a process started without standard error has none
            sys.stderr.flush()
        with redirected(2, held.fileno()):
            yield held


@contextlib.contextmanager
def redirected(descriptor: int, to: int) -> Iterator[None]:
    """What is written to a file descriptor goes to another one meanwhile, if there are both."""
    try:
        kept = os.dup(descriptor)
        os.dup2(to, descriptor)
    except OSError:  # a process without these streams has nothing to keep apart
        yield
        return
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection meanwhile: the import makes a million objects, and nearly all of them stay.

    Looking through them over and over takes a fifth of the time of `import tensorflow`, and once more in each
    full collection afterwards: so they are set aside.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collecting:
            gc.enable()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without TensorFlow's remarks on how it batches an operation."""
    import tensorflow as tf

    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)


def on_device(device: str | None) -> AbstractContextManager[Any]:
    """Run TensorFlow's operations on `device`, such as `CPU:0`, `gpu:0` or `/device:GPU:1`; None: anywhere.

    Raises `TargetError` that lists the devices there are, for TensorFlow itself would silently take another.
    """
    if device is None:
        return contextlib.nullcontext()
    import tensorflow as tf

    known = [_short(logical.name) for logical in tf.config.list_logical_devices()]
    wanted = _short(device)
    if wanted not in known:
        raise TargetError(f"There is no device {device!r} here.", f"Choose from: {', '.join(known)}.")
    manager: AbstractContextManager[Any] = tf.device(f"/device:{wanted}")
    return manager


def _short(name: str) -> str:
    """`/device:CPU:0`, `/CPU:0` and `cpu` are all CPU:0."""
    kind, _, number = name.removeprefix("/").removeprefix("device:").upper().partition(":")
    return f"{kind}:{number or 0}"
