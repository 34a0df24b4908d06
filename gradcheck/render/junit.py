"""A suite as JUnit XML for Jenkins and GitLab: one testcase for each check.

It is what `junit-10.xsd` of Jenkins' xUnit plugin describes, which knows no file of a testcase.
"""

from collections.abc import Mapping
from pathlib import Path, PurePath
from xml.etree import ElementTree

from gradcheck.errors import legible
from gradcheck.render.endings import details, relative, sentence, why_not_run
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from gradcheck.verdicts.verdict import Verdict


def to_junit(suite: SuiteReport, root: Path) -> bytes:
    """The document in UTF-8; paths below `root` are relative to it."""
    failed = [result for result in suite.unexpected if not isinstance(result.outcome, Failure)]
    about: dict[str, object] = {
        "name": suite.name,
        "tests": len(suite.results) + len(suite.not_run),
        "failures": len(failed),
        "errors": len(suite.unexpected) - len(failed),
        **_time(suite, suite.seconds),
    }
    cases = [_case(suite, result, root) for result in suite.results]
    skipped = _element("skipped", {"message": why_not_run(suite)})
    left = ({"name": name, "classname": _class(suite)} for name in suite.not_run)
    cases += [_element("testcase", named, skipped) for named in left]
    inner = _element("testsuite", {**about, "skipped": len(suite.not_run), **_file(suite, root)}, *cases)
    whole = _element("testsuites", about, inner)
    ElementTree.indent(whole)
    return bytes(ElementTree.tostring(whole, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(suite: SuiteReport, result: CheckResult, root: Path) -> ElementTree.Element:
    place = "" if result.place is None else f"{relative(result.place[0], root)}:{result.place[1]}\n"
    said = place + details(result)
    inside = []
    if not result.expectedly:
        failed = isinstance(result.outcome, Failure)
        kind = result.outcome.kind if isinstance(result.outcome, Failure) else result.word
        about = {"type": kind, "message": sentence(result)}
        inside.append(_element("error" if failed else "failure", about, text=said))
        if result.printed:
            inside.append(_element("system-err", {}, text=result.printed))
    elif result.expected is not Verdict.PASS:
        inside.append(_element("system-out", {}, text=said))
    time = _time(suite, result.seconds)
    return _element("testcase", {"name": result.name, "classname": _class(suite), **time}, *inside)


def _element(
    tag: str, attributes: Mapping[str, object], *inside: ElementTree.Element, text: str = ""
) -> ElementTree.Element:
    builder = ElementTree.TreeBuilder()
    builder.start(tag, {name: legible(str(value)) for name, value in attributes.items()})
    if text:
        # A reader of XML makes a line feed of a carriage return.
        builder.data(legible(text).replace("\r\n", "\n").replace("\r", "\n"))
    builder.end(tag)
    made = builder.close()
    made.extend(inside)
    return made


def _time(suite: SuiteReport, seconds: float) -> dict[str, str]:
    """In seconds, with three decimals: more are none for the schema."""
    return {"time": f"{seconds:.3f}"} if suite.timing else {}


def _class(suite: SuiteReport) -> str:
    """`ops.gradients` for ops/gradients.toml: Jenkins shows what is before the last dot as a package."""
    return ".".join(PurePath(suite.name or ".").with_suffix("").parts).lstrip("./") or "gradcheck"


def _file(suite: SuiteReport, root: Path) -> dict[str, str]:
    """The file of the suite, or that of the function of a check on the command line."""
    for result in suite.results:
        source = None if isinstance(result.outcome, Failure) else result.outcome.source
        if place := result.place or source:
            return {"file": relative(place[0], root)}
    return {}
