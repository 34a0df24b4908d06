"""How much memory reading may take: refused by arithmetic, before anything is allocated."""

import os

from gradcheck.errors import TensorError


def machine_memory() -> int:
    """Bytes of memory of this machine; where it does not tell, the most that an address can reach."""
    if not hasattr(os, "sysconf"):
        return 2**63
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def check_memory(size: int, what: str) -> None:
    """Refuse more bytes than the machine has memory; `what` opens the sentence."""
    memory = machine_memory()
    if size > memory:
        raise TensorError(
            f"{what}, {in_words(size)}, more than the {in_words(memory)} of memory of this machine.",
            "Give a smaller tensor: a gradient can be checked on a small one.",
        )


def in_words(size: int) -> str:
    """A number of bytes, from 128 MiB on in GiB."""
    if size >= 2**63:  # may be beyond all floats
        return "more than 8 EiB"
    return f"{size / 2**30:,.1f} GiB" if size >= 2**27 else f"{size:,} bytes"
