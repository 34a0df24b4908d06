"""What is called inside a function."""

from enum import Enum


class CallKind(Enum):
    """What was called; the value is its name in reports."""

    FUNCTION = "custom gradient"
    LAYER = "layer"
    OPERATION = "operation"
