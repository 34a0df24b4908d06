"""What a check found, as values that can be shown."""
