"""The settings of a check, and the tolerances that follow from a precision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# How far tape and difference may be apart, as a share of the size S of an element's contributions,
# when both are computed in float64. Differences reach 1e-10 there, so that 1e-6 leaves four digits
# for conditioning and still sees an error in the sixth digit of a gradient.
RTOL = 1e-6


class Method(Enum):
    """How input elements are put into groups that are perturbed together."""

    AUTO = "auto"
    ELEMENTWISE = "elementwise"


@dataclass(frozen=True)
class Settings:
    """Everything a user can set about one check; the defaults are those of the command line."""

    rtol: float = RTOL
    """Tolerance as a share of S, the sum of the sizes of an element's contributions."""
    atol: float = 0.0
    """Tolerance added to that; 0 keeps tiny gradients honest."""
    step: float | None = None
    """First step relative to max(|x_j|, rms(x)); None takes cbrt(eps) of the working precision."""
    seed: int = 0
    """Seed of cotangents, directions and step sizes: the same seed gives the same report."""
    wrt: tuple[str, ...] | None = None
    """Names of the inputs to differentiate; None for every floating input."""
    strict: bool = False
    """Count kinks as failures."""
    allow_nondeterministic: float = 0.0
    """Largest difference between two evaluations at one point that is taken as noise."""
    method: Method = Method.AUTO
    """`elementwise` perturbs one element at a time: slow, and the oracle of the other."""

    def to_dict(self) -> dict[str, object]:
        """The settings as plain values, for JSON."""
        return {
            "rtol": self.rtol,
            "atol": self.atol,
            "step": self.step,
            "seed": self.seed,
            "wrt": None if self.wrt is None else list(self.wrt),
            "strict": self.strict,
            "allow_nondeterministic": self.allow_nondeterministic,
            "method": self.method.value,
        }
