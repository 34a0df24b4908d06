"""Tape against difference: what is known of each element."""
