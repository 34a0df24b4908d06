"""One sentence where a Dask cluster is not there, or its workers cannot take part."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from gradcheck.errors import GradcheckError
from gradcheck.suite import connecting
from gradcheck.suite.versions import Versions

HERE = Versions.here(processor=True)


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "PATIENCE", 0.1)

    with pytest.raises(GradcheckError, match=r"No Dask scheduler answers at tcp://127.0.0.1:1 within 0.1 s"):
        connecting.connected("tcp://127.0.0.1:1", processor=False)


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
    connecting.refuse_unfit({"tcp://there": HERE, "tcp://gone": OSError()}, HERE, "tcp://it")
    assert Versions.here(processor=False) == replace(HERE, instructions="")
