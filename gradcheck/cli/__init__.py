"""The command line: parse, check, render, exit. Everything that is not the report goes to standard error."""

from gradcheck.cli import function as function
from gradcheck.cli import keras as keras
from gradcheck.cli import ready as ready
from gradcheck.cli.group import main as main
