"""`python -m gradcheck`, and the console script."""

import atexit
import gc
import signal


def run() -> None:
    """Run the command line; a signal that stops it also ends the process, so that a shell loop stops with it.

    `$?` is 130 after Ctrl-C either way: a shell only breaks off its loop or script where it sees the signal.
    """
    # Until a check begins nothing has to be put in order: the signal ends the import of TensorFlow at once,
    # where Python's exception may come up inside of a C extension, as a failure of that import.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # On its way out Python looks for garbage among all objects of TensorFlow, twice, for a third of the time
    # that importing it takes. The process ends: nothing needs to be found.
    atexit.register(gc.freeze)
    from gradcheck.cli import main, process

    process.prepare()
    try:
        main(prog_name="gradcheck")
    except SystemExit as ended:
        if ended.code in process.STOPPED:
            process.end_by(process.STOPPED[ended.code])
        raise


if __name__ == "__main__":
    run()
