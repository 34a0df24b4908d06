"""Who sees a suite run: a table in a terminal, one line a check in a pipe, or nobody."""
