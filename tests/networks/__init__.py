"""Losses of networks drawn at random, with right gradients and with wrong ones."""
