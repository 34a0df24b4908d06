"""The command line: parse, read, build, check, render, exit.

Each command hands a `Check` on to `conclusion.conclude`.
"""

from gradcheck.cli import conclusion as conclusion
from gradcheck.cli import demo as demo
from gradcheck.cli import explain as explain
from gradcheck.cli import own_code as own_code
from gradcheck.cli import ready as ready
from gradcheck.cli import run as run
from gradcheck.cli import sweep as sweep
from gradcheck.cli.group import main as main
