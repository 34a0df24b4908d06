"""Bytes that are read once, from the front: a file, a pipe, or what is packed in either."""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from typing import IO

from gradcheck.errors import TensorError
from gradcheck.inputs.memory import in_words
from gradcheck.runtime import machine_memory

HEAD = 1024
"""Bytes that tell what a file is; a tar archive is told by those at 257."""
CHUNK = 2**24
"""Bytes that are asked for at once, so that a false promise allocates no more than this and what is there."""
PACKED_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError)
"""What Python's decompressors raise on bytes that are not what they should be."""


class Source:
    """A stream of bytes that may be a pipe: it is looked at and then read, never rewound."""

    def __init__(
        self, stream: IO[bytes], where: str, file: str, *, size: int | None = None, packed: str = ""
    ) -> None:
        """`where` opens every error sentence (`--x x.npy`), and `file` is the name of the file in remedies.

        `size` is the length in bytes, None where it is not known before the end; `packed` says what the bytes
        are unpacked from, such as `a .gz file`.
        """
        self.where = where
        self.file = file
        self.size = size
        self.position = 0
        """Bytes read so far."""
        self._stream = stream
        self.packed = packed
        self._ahead = b""

    def head(self) -> bytes:
        """The first bytes, `HEAD` at most, which are read again later."""
        if not self._ahead and self.position == 0:
            data = bytearray()
            self._pull(data, HEAD)
            self._ahead = bytes(data)
        return self._ahead

    def read(self, count: int = -1) -> bytearray:
        """As many bytes as are asked for; fewer, or none, only at the end."""
        most = machine_memory() if count < 0 else count
        data, self._ahead = bytearray(self._ahead[:most]), self._ahead[most:]
        self._pull(data, most)
        self.position += len(data)
        return data

    def rest(self, most: int, remedy: str) -> bytearray:
        """Everything that is left, refused where it is more than `most` bytes."""
        known = self.size is not None and self.size - self.position > most
        data = bytearray() if known else self.read(most + 1)
        if known or len(data) > most:
            raise TensorError(f"{self.where} is longer than {in_words(most)}.", remedy)
        return data

    def left(self) -> int:
        """How many bytes follow; of a pipe, those of the first `CHUNK` that follow."""
        return len(self.read(CHUNK)) if self.size is None else self.size - self.position

    def whole(self) -> IO[bytes]:
        """The same from the front as a file that can be wound back and forth."""
        if self.size is not None and self._stream.seekable():
            self._stream.seek(0)
            return self._stream
        return io.BytesIO(self.rest(machine_memory() // 2, "Write it to a file, and give the file."))

    def unpacked(self) -> Source:
        """What is inside a .gz file."""
        return Source(gzip.GzipFile(fileobj=self, mode="rb"), self.where, self.file, packed="a .gz file")  # type: ignore[call-overload]

    def _pull(self, data: bytearray, most: int) -> None:
        """Add bytes of the stream, which may hand over fewer at a time than are asked for."""
        try:
            while len(data) < most and (more := self._stream.read(min(most - len(data), CHUNK))):
                data += more
        except PACKED_ERRORS as error:
            if not self.packed:
                raise
            reason = str(error) or type(error).__name__
            raise TensorError(
                f"{self.where} is {self.packed} that is truncated or corrupt ({reason}).",
                "Copy or save it again.",
            ) from error
