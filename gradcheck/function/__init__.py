"""The function at a point: its outputs, tapes and noise level."""
