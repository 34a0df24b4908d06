"""One sentence where a Dask cluster is not there, or its workers cannot take part."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradcheck.errors import GradcheckError
from gradcheck.suite import connecting
from gradcheck.suite.versions import Versions

HERE = Versions.here(processor=True)


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:1", r"at tcp://127.0.0.1:1 \((Timed out .* after|nothing within) 1 s\)"),
        ("tls://127.0.0.1:1", r"at tls://127.0.0.1:1 \(TLS expects .*; tls:// needs"),
        ("", r"at an empty address \(missing port number"),
        ("http://a:1", r"at http://a:1 \(unknown address scheme"),
    ],
)
def test_a_cluster_that_is_not_there(address: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no address is told at once, with no word of waiting."""
    monkeypatch.setattr(connecting, "PATIENCE", 1 if address.startswith("tcp") else 60)

    with pytest.raises(GradcheckError, match=f"^No Dask scheduler answers {said}"):
        connecting.connected(address, processor=False)


def test_a_port_that_never_answers(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "PATIENCE", 0.3)
    began = time.monotonic()

    with pytest.raises(
        GradcheckError, match=rf"No Dask scheduler answers at {silent} \(nothing within 0.3 s"
    ):
        connecting.connected(silent, processor=False)

    assert time.monotonic() - began < 5  # 0.3 s, and what a busy machine needs


@pytest.mark.full
def test_a_signal_ends_what_waits_for_a_port_that_never_answers(tmp_path: Path) -> None:
    (tmp_path / "gradcheck.toml").write_text(
        '[[check]]\nname = "one"\nfunction = "a.py:f"\nargs = {x = "normal:2"}\n'
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.settimeout(60)
        command = [sys.executable, "-m", "gradcheck", "run", "--dask", address]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
            server.accept()
            running.send_signal(signal.SIGTERM)
            _, said = running.communicate(timeout=5)  # 10 s are those that the scheduler has

    assert said.split() == ["0", "of", "1", "checks", "had", "ended.", "Interrupted."]
    assert running.returncode == -signal.SIGTERM


class Hanging:
    """A client one worker of which hangs, as does leaving."""

    def __init__(self, address: str, **_: Any) -> None:
        pass

    def run(self, *_: Any, **__: Any) -> None:
        time.sleep(5)

    close = run


def test_workers_that_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distributed.Client", Hanging)
    monkeypatch.setattr(connecting, "LOADING", 0.1)
    monkeypatch.setattr(connecting, "LEAVING", 0.1)
    began = time.monotonic()

    with pytest.raises(GradcheckError, match=r"Not all workers .* answer \(nothing within 0.1 s\)"):
        connecting.connected("tcp://there:1", processor=False)

    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "error", [ValueError("of\nDask"), KeyboardInterrupt("of Dask"), TimeoutError("of Dask")]
)
def test_what_a_call_raises_is_why_it_comes_to_nothing(error: BaseException) -> None:
    def call() -> None:
        raise error

    kind = connecting.Unreachable if isinstance(error, Exception) else KeyboardInterrupt
    with pytest.raises(kind, match="of Dask"):
        connecting.answer(call, limit=5)


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(GradcheckError, match=r"pip install 'gradcheck\[dask\]'"):
        connecting.connected("tcp://127.0.0.1:1", processor=False)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (replace(HERE, tensorflow="2.0.0"), "tcp://there has tensorflow 2.0.0, not 2"),
        (replace(HERE, gradcheck="0.0.1"), "has gradcheck 0.0.1, not 0"),
        (replace(HERE, python="3.99", keras="2"), "has python 3.99, not 3.*; keras 2, not 3"),
        (replace(HERE, instructions="none"), "has other processor instructions.*machines of one kind"),
        (ModuleNotFoundError("No module named 'gradcheck'"), "gradcheck does not run on the Dask worker"),
        (ConnectionError("it has just gone"), "has no workers"),
        (None, "The Dask cluster at tcp://it has no workers"),
    ],
)
def test_workers_that_cannot_take_part(there: Any, said: str) -> None:
    answers = {} if there is None else {"tcp://there": there}
    with pytest.raises(GradcheckError, match=said):
        connecting.refuse_unfit(answers, HERE, "tcp://it")


def test_workers_that_can() -> None:
    """One that is just going away is left out; processors count only where a bit of the result does."""
    fit = connecting.refuse_unfit({"tcp://there": HERE, "tcp://gone": OSError()}, HERE, "tcp://it")
    assert fit == ["tcp://there"]
    assert Versions.here(processor=False) == replace(HERE, instructions="")
