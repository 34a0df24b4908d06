"""Finite differences: steps, evaluations, contraction, and the step to trust."""
