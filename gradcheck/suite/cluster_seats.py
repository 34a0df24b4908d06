"""The workers of a Dask cluster, that evaluate for one check through a process of their own each.

A process of its own (evaluating.py): the worker's own may have loaded TensorFlow with another number of
threads, and the user's files as they were for an earlier check.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from typing import TYPE_CHECKING, Any

from gradcheck.errors import GradcheckError
from gradcheck.suite.connecting import LEAVING, Unreachable, answer, connected, leave
from gradcheck.suite.evaluating import Evaluating, answered, asking
from gradcheck.suite.seat import Lost, Seat
from gradcheck.suite.seats import Seats
from gradcheck.suite.shared_function import SharedFunction, environment

if TYPE_CHECKING:
    from gradcheck.arrays.types import Array
    from gradcheck.function.primal import Primal
    from gradcheck.function.sharing import Work
    from gradcheck.targets.spec import TargetSpec


class ClusterSeats(Seats):
    """All workers of a cluster, from the beginning to `close`."""

    def __init__(self, address: str, spec: TargetSpec, device: str | None) -> None:
        """`spec` is that of the target, `device` as in the settings.

        Raises `GradcheckError` where the cluster cannot be reached or its workers cannot take part.
        """
        self._client, self._workers = connected(address, processor=True)
        self._spec, self._device, self._key = spec, device, uuid.uuid4().hex
        super().__init__(len(self._workers))

    def open(self, primal: Primal, base: Array) -> None:
        """Have each worker start its process, and do not wait for them."""
        function = asking(SharedFunction.of(self._spec, self._device, primal, base))
        threading.Thread(target=self._begin, args=[function], daemon=True).start()

    def _begin(self, function: bytes) -> None:
        with contextlib.suppress(Unreachable):
            given = answer(self._client.scatter, [function], broadcast=True, hash=False)[0]
            asked = self._key, given, environment()
            self.start([_Worker(self._client, one, asked) for one in self._workers])

    def close(self) -> None:
        """End the processes, and leave the cluster."""
        super().close()
        if self._client.status != "running":
            self.refused = GradcheckError("the scheduler has gone; what was left was done here.")
        with contextlib.suppress(Unreachable):
            answer(self._client.run, _forget, self._key, on_error="ignore", limit=LEAVING)
        leave(self._client)


class _Worker(Seat):
    """One worker; where it dies the cluster asks another."""

    def __init__(self, client: Any, address: str, asked: tuple[Any, ...]) -> None:
        self._client, self._address, self._asked = client, address, asked

    def prepare(self) -> None:
        """Wait for its process."""
        self._submitted(b"")

    def result(self, work: Work) -> Any:
        """What its process makes of a piece of work."""
        return answered(self._submitted(asking(work)))

    def _submitted(self, question: bytes) -> bytes:
        where = {"workers": [self._address], "allow_other_workers": True}
        try:
            found = self._client.submit(_asked, *self._asked, question, pure=False, **where).result()
        except GradcheckError:
            raise
        except Exception as error:  # lost with its worker, more often than the cluster allows, or cancelled
            raise Lost from error
        if found is None:
            raise Lost
        return bytes(found)

    @property
    def alive(self) -> bool:
        """Whether the cluster is there: in the place of a worker that died it asks another."""
        return bool(self._client.status == "running")

    def close(self) -> None:
        """Nothing: all processes of a check end together."""


_KEPT: dict[str, Evaluating] = {}
"""In a worker: its process for each check, by the key of the check."""
_LOCK = threading.Lock()


def _asked(key: str, function: bytes, environment: dict[str, str], question: bytes) -> bytes | None:
    """In a worker: what its process for a check answers, None where that dies; all is pickled, so that the
    worker itself needs not load TensorFlow."""
    with _LOCK:
        process = _KEPT.get(key)
        try:
            if process is None or not process.alive:
                process = _KEPT[key] = Evaluating(function, environment)
                process.prepare()
            return process.ask(question) if question else b""
        except Lost:
            return None


def _forget(key: str) -> None:
    """In a worker: end its process for a check."""
    process = _KEPT.pop(key, None)
    if process is not None:
        process.close()
