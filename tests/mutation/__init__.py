"""Whether the tests notice small changes to the checker: `python -m tests.mutation`."""
