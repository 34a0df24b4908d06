"""gradcheck: is this gradient right? tf.GradientTape against finite differences, element by element."""

from gradcheck.assertion import assert_gradients as assert_gradients
from gradcheck.errors import ExitCode as ExitCode
from gradcheck.errors import GradcheckError as GradcheckError
from gradcheck.errors import GradientError as GradientError
from gradcheck.report import ElementVerdict as ElementVerdict
from gradcheck.report import Report as Report
from gradcheck.report import Variable as Variable
from gradcheck.report import Verdict as Verdict
from gradcheck.run import check as check

__version__ = "0.1.0"
