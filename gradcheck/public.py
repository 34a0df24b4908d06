"""What `import gradcheck` offers; `gradcheck` takes it from here when it is first asked for a name."""

from gradcheck.checking import Report as Report
from gradcheck.checking import assert_gradients as assert_gradients
from gradcheck.checking import check as check
from gradcheck.errors import ExitCode as ExitCode
from gradcheck.errors import GradcheckError as GradcheckError
from gradcheck.errors import GradientError as GradientError
from gradcheck.report.variable import Variable as Variable
from gradcheck.verdicts.verdict import ElementVerdict as ElementVerdict
from gradcheck.verdicts.verdict import Verdict as Verdict
