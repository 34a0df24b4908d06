"""What can be checked: a function of named tensors, with a closed form where one is known."""

from gradcheck.targets.target import Array, ClosedForm, Target

__all__ = ["Array", "ClosedForm", "Target"]
