"""How much memory reading may take: refused by arithmetic, before anything is allocated."""

from gradcheck.errors import TensorError
from gradcheck.runtime import machine_memory


def check_memory(size: int, what: str) -> None:
    """Refuse more bytes than the machine has memory; `what` opens the sentence."""
    memory = machine_memory()
    if size > memory:
        raise TensorError(
            f"{what}, {in_words(size)}, more than the {in_words(memory)} of memory that there is.",
            "Give a smaller tensor: a gradient can be checked on a small one.",
        )


def in_words(size: int) -> str:
    """A number of bytes, from 128 MiB on in GiB."""
    if size >= 2**63:  # may be beyond all floats
        return "more than 8 EiB"
    return f"{size / 2**30:,.1f} GiB" if size >= 2**27 else f"{size:,} bytes"
