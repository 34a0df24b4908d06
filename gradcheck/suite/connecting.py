"""A Dask cluster, connected to: there is a scheduler, it has workers, and these have what is here."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

from gradcheck.errors import GradcheckError
from gradcheck.suite.versions import Versions

PATIENCE = 10
"""Seconds within which the scheduler must answer."""


def connected(address: str, *, processor: bool) -> Any:
    """A client of the cluster whose scheduler has an address such as `tcp://10.0.0.1:8786`.

    Raises `GradcheckError` unless there are workers, and all have the same versions, and where `processor`
    is wanted the same instructions of it too.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise GradcheckError(
            "--dask needs Dask, which is not installed.", "Run pip install 'gradcheck[dask]'."
        ) from error
    # What it logs when a worker dies: what that worker did is done once more, or reported.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "Sending large graph")
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise GradcheckError(
            f"No Dask scheduler answers at {address} within {PATIENCE} s ({said}).",
            "Give the address that `dask scheduler` prints, such as tcp://10.0.0.1:8786.",
        ) from error
    try:
        answers = client.run(Versions.here, processor=processor, on_error="return")
        refuse_unfit(answers, Versions.here(processor=processor), address)
    except BaseException:
        client.close()
        raise
    return client


def refuse_unfit(answers: Mapping[str, Any], own: Versions, address: str) -> None:
    """Raise `GradcheckError` unless there are workers, and all have what this process has: their versions, or
    what they raised instead, are by their addresses."""
    # A worker that is just going away takes no part.
    found = {worker: there for worker, there in answers.items() if not isinstance(there, OSError)}
    if not found:
        raise GradcheckError(
            f"The Dask cluster at {address} has no workers.", f"Start some: dask worker {address}."
        )
    for worker, there in sorted(found.items()):
        if not isinstance(there, Versions):
            raise GradcheckError(
                f"gradcheck does not run on the Dask worker {worker} ({type(there).__name__}: {there}).",
                "Install the same version there.",
            )
        own.refuse_others(there, f"The Dask worker {worker}")
