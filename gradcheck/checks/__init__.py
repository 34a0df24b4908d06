"""The checks that a user can ask for, each from a problem to what was found."""
