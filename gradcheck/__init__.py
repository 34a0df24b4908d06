"""gradcheck: is this gradient right? tf.GradientTape against finite differences, element by element."""

from gradcheck.assertion import assert_gradients as assert_gradients
from gradcheck.checking import check as check
from gradcheck.errors import ExitCode as ExitCode
from gradcheck.errors import GradcheckError as GradcheckError
from gradcheck.errors import GradientError as GradientError
from gradcheck.report.variable import Variable as Variable
from gradcheck.result import Report as Report
from gradcheck.verdicts.verdict import ElementVerdict as ElementVerdict
from gradcheck.verdicts.verdict import Verdict as Verdict
from gradcheck.version import __version__ as __version__
