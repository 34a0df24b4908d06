"""What is the same number for a pattern, and what is more than rounding."""

SAME = 1e-4
"""Share of the larger of two numbers up to which they are the same for a pattern."""
TELLING = 20.0
"""Times its tolerance from which a number tells more than rounding."""
ENOUGH = 2
"""Elements that a pattern has to explain: one element is explained by anything."""
