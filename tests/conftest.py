"""How the tests are run: by two processes with one TensorFlow thread each, the longest ones with --full only.

Without arguments `python -m pytest` starts two workers where pytest-xdist is installed; with a file, a folder
or a test it stays in one process, as with `-n 0` and `-p no:xdist`. Tests marked `full` are left out unless
`--full` is given.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator

import pytest

# Read when TensorFlow is loaded. By default each worker would have pools of as many threads as cores.
for _name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_name, "1")

# A shell without job control has what it starts with & ignore Ctrl-C, and gradcheck does as it is told.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

WORKERS = 2
"""Processes of a whole run: each holds TensorFlow and its caches, up to 2 GiB."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --full."""
    parser.addoption("--full", action="store_true", help="also run the tests that are marked `full`")


@pytest.hookimpl(wrapper=True)  # before pytest-xdist reads these options
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
    """Distribute a whole run, unless the command line says how many processes it wants."""
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    alone = config.option.collectonly or config.option.usepdb or hasattr(config, "workerinput")
    if whole and not alone and getattr(config.option, "numprocesses", 0) is None:
        config.option.numprocesses = WORKERS
        # A worker that is done takes half of what the other has left: neighbours share what is cached.
        config.option.dist = "worksteal"
    return (yield)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that are marked `full`, unless --full was given."""
    if config.getoption("full"):
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker("full")]


def pytest_collection_finish() -> None:
    """Spare the collector the modules of TensorFlow and of the tests, which last to the end."""
    gc.freeze()


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether --full was given: for tests that draw more examples then."""
    return bool(request.config.getoption("full"))
