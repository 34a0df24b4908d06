"""How much of a check was made along directions, and what that means."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """How much of a check was made along directions."""

    elements: int
    """Elements of the variables that were checked along directions."""
    one_by_one: int
    """Those of them that were moved by themselves besides."""
    strata: int
    directions: int
    """In each stratum."""

    @property
    def chance(self) -> float:
        """The chance that an error of the size that is stated was missed in an element."""
        return 2.0**-self.directions
