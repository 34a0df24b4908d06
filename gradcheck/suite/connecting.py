"""A Dask cluster, connected to: there is a scheduler, it has workers, and these have what is here."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from gradcheck.errors import GradcheckError, text_of
from gradcheck.suite.versions import Versions

T = TypeVar("T")
PATIENCE = 10
"""Seconds within which the scheduler must answer."""
LOADING = 60
"""Seconds within which all workers must, which may load gradcheck from a network first."""
LEAVING = 2
"""Seconds that leaving a cluster may take, which may have gone or hang."""
LOGGERS = "distributed", "distributed.client", "tornado.application", "asyncio"
"""Who logs when a worker or the scheduler dies: what was lost is done once more, or reported."""


class Unreachable(Exception):
    """A call of Dask came to nothing; the text says why."""


def answer(call: Callable[..., T], *given: Any, limit: float | None = None, **named: Any) -> T:
    """What a call of Dask returns; raises `Unreachable` where it raises, or lasts longer than `limit` s.

    Dask waits without limit where a connection is open and silent; such a call is left behind in its thread.
    """
    found: Future[T] = Future()

    def ask() -> None:
        try:
            found.set_result(call(*given, **named))
        except BaseException as error:  # also what is no Exception must not leave the other thread waiting
            found.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return found.result(limit)
    except Exception as error:  # of Dask alone, that has CommClosedError, CancelledError, TypeError and more
        silent = f"nothing within {limit} s" if not found.done() else ""
        said = silent or " ".join(text_of(error).split()) or type(error).__name__
        raise Unreachable(said) from error


def leave(client: Any) -> None:
    """Leave a cluster, also one that has gone."""
    with contextlib.suppress(Unreachable):
        answer(client.close, limit=LEAVING)


def connected(address: str, *, processor: bool) -> tuple[Any, list[str]]:
    """A client of the cluster whose scheduler has an address such as `tcp://10.0.0.1:8786`, and the addresses
    of its workers.

    Raises `GradcheckError` unless there are workers, and all have the same versions, and where `processor`
    is wanted the same instructions of it too.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise GradcheckError(
            "--dask needs Dask, which is not installed.", "Run pip install 'gradcheck[dask]'."
        ) from error
    for logger in LOGGERS:
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "Sending large graph")
    try:
        answer(_refuse_malformed, address, limit=PATIENCE)
        client = answer(Client, address, timeout=PATIENCE, set_as_default=False, limit=PATIENCE)
    except Unreachable as error:
        raise GradcheckError(
            f"No Dask scheduler answers at {address or 'an empty address'} ({error}).",
            "Give the address that `dask scheduler` prints, such as tcp://10.0.0.1:8786; tls:// needs "
            "distributed.comm.tls in the settings of Dask.",
        ) from error
    try:
        named = {"processor": processor, "on_error": "return"}
        answers = answer(client.run, Versions.here, limit=LOADING, **named)
        workers = refuse_unfit(answers, Versions.here(processor=processor), address)
    except Unreachable as error:
        leave(client)
        raise GradcheckError(
            f"Not all workers of the Dask cluster at {address} answer ({error}).",
            "End those that hang; Dask gives them up by itself after some minutes.",
        ) from error
    except BaseException:
        leave(client)
        raise
    return client, workers


def _refuse_malformed(address: str) -> None:
    """Raise what Dask raises of an address that is none. A client that is made of one leaves its loop behind,
    on which the next one fails by an assertion or waits for 10 s."""
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend
    from distributed.security import Security

    scheme, place = parse_address(address)
    get_backend(scheme)
    if scheme in ("tcp", "tls"):
        parse_host_port(place)
    if scheme == "tls" and Security().get_connection_args("client").get("ssl_context") is None:
        raise TypeError("TLS expects an ssl_context, which the settings of Dask do not give")


def refuse_unfit(answers: Mapping[str, Any], own: Versions, address: str) -> list[str]:
    """The addresses of the workers, whose versions, or what they raised instead, are by those; raises
    `GradcheckError` unless there are some, and all have what this process has."""
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
    return sorted(found)
