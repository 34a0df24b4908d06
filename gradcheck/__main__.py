"""`python -m gradcheck`, and the console script."""

from __future__ import annotations

import sys


def run() -> None:
    """Run the command line; Ctrl-C while it is still being imported is told apart from a failure too."""
    try:
        from gradcheck.cli import main

        main(prog_name="gradcheck")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
