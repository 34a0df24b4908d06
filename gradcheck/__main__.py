"""`python -m gradcheck`, and the console script."""

import atexit
import gc
import sys


def run() -> None:
    """Run the command line; Ctrl-C while it is still being imported is told apart from a failure too."""
    # On its way out Python looks for garbage among all objects of TensorFlow, twice, for a third of the time
    # that importing it takes. The process ends: nothing needs to be found.
    atexit.register(gc.freeze)
    try:
        from gradcheck.cli import main

        main(prog_name="gradcheck")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    run()
