"""The command line: parse, read, build, check, render, exit.

Each command hands a `Check` on to `document.conclude`. What is no report goes to standard error.
"""

from gradcheck.cli import demo as demo
from gradcheck.cli import document as document
from gradcheck.cli import function as function
from gradcheck.cli import keras as keras
from gradcheck.cli import ready as ready
from gradcheck.cli.group import main as main
