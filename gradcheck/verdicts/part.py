"""A part of a function, and whether it is wrong: a custom gradient, a layer or an operation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradcheck.function.call_kind import CallKind
from gradcheck.verdicts.verdict import ElementVerdict


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
    if right := [part for part in parts if part.right]:
        counts = [
            f"{count} {kind.value}{'s' if count > 1 else ''}"
            for kind in CallKind
            if (count := sum(part.kind is kind for part in right))
        ]
        said.append(f"{' and '.join(counts)}: right")
    others = [str(part) for part in parts if not part.wrong and not part.right]
    if others:
        said.append(f"could not be judged by itself: {', '.join(others)}")
    if failed and not others and not any(part.wrong for part in parts):
        said.append("look between them, for a cut gradient, a wrong sum or an input that is not watched")
    return "; ".join(said)
