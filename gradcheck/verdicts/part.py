"""A part of a function, and whether it is wrong: a custom gradient, a layer or an operation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradcheck.function.call_kind import CallKind
from gradcheck.verdicts.verdict import ElementVerdict

NAMED = 3
"""Parts that a sentence names of those that were not looked at."""


@dataclass(frozen=True)
class Part:
    """A custom gradient, a layer or an operation inside the function, checked by itself."""

    kind: CallKind
    name: str
    file: str
    line: int
    """Where it begins in the file, of an operation the line that called it; 0 where that is not known."""
    inside: str
    """Path of the layers that it is called in; empty outside of layers."""
    calls: int
    """How often it is called at these shapes."""
    looked_at: int
    """How many of these calls were checked by themselves."""
    verdict: ElementVerdict
    """The worst of its calls; `unchecked` where it could not be checked by itself."""

    @property
    def wrong(self) -> bool:
        """Whether it is wrong by itself."""
        return self.verdict >= ElementVerdict.MISMATCH

    @property
    def right(self) -> bool:
        """Whether it is right by itself."""
        return self.verdict in (ElementVerdict.MATCH, ElementVerdict.KINK)

    @property
    def stops(self) -> bool:
        """Whether it is a `tf.stop_gradient`."""
        return self.kind is CallKind.OPERATION and self.name.startswith("StopGradient")

    def __str__(self) -> str:
        place = f" ({Path(self.file).name}:{self.line})" if self.line else ""
        name = f"TensorFlow's {self.name}" if self.kind is CallKind.OPERATION else self.name
        return f"{name}{place}" + (f", called in {self.inside}" if self.inside else "")


def told(parts: Sequence[Part], *, failed: bool) -> str:
    """Which parts of a function are wrong by themselves, and what that leaves where it `failed`."""
    stopping = [str(part) for part in parts if part.stops]
    said = [f"{', '.join(stopping)}: lets no gradient through"] if stopping else []
    for verdict, means in (
        (ElementVerdict.NONFINITE, "has no finite gradient here"),
        (ElementVerdict.MISMATCH, "wrong by itself"),
    ):
        named = [str(part) for part in parts if part.verdict is verdict and not part.stops]
        said += [f"{', '.join(named)}: {means}"] if named else []
    said += _rights([part for part in parts if part.right])
    unknown = [part for part in parts if not part.wrong and not part.right]
    if tried := [str(part) for part in unknown if part.looked_at]:
        said.append(f"could not be judged by itself: {', '.join(tried)}")
    if left := [str(part) for part in unknown if not part.looked_at]:
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        said.append(f"not looked at: {', '.join(left[:NAMED])}{more}")
    if not failed and any(part.wrong for part in parts):
        said.append("the function as a whole is right at this point all the same")
    everything = all(part.right and part.looked_at == part.calls for part in parts)
    if failed and everything:
        said.append("look between them, for a cut gradient, a wrong sum or an input that is not watched")
    return "; ".join(said)


def _rights(right: Sequence[Part]) -> list[str]:
    """How many of each kind are right, and of how many of their calls that is known."""
    if not right:
        return []
    counts = [
        f"{count} {kind.value}{'s' if count > 1 else ''}"
        for kind in CallKind
        if (count := sum(part.kind is kind for part in right))
    ]
    calls, looked_at = sum(part.calls for part in right), sum(part.looked_at for part in right)
    share = "" if looked_at == calls else f" in the {looked_at} of {calls:,} calls that were looked at"
    return [f"{' and '.join(counts)}: right{share}"]
