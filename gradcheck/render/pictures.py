"""Which kinds of picture there are, and whether they can be drawn here."""

import importlib.util

from gradcheck.errors import GradcheckError, did_you_mean

KINDS = ("png", "svg", "pdf")


def picture_of(file: str) -> str:
    """The kind that the end of a file's name asks for.

    Raises `GradcheckError` where that is none, or where there is no matplotlib.
    """
    end = file.rpartition(".")[2].lower() if "." in file else ""
    if end not in KINDS:
        raise GradcheckError(
            f"--plot {file} names no kind of picture.",
            f"{did_you_mean(end, KINDS)}Let the name end in .png, .svg or .pdf.",
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise GradcheckError(
            "--plot needs the package matplotlib, which is not installed.",
            "Run pip install 'gradcheck[plot]'.",
        )
    return end
