"""Write a report as JUnit XML for CI systems: a test case per sample, with the strength of its verdict.

The document is valid by the schema of Jenkins (junit-10.xsd of its xUnit plugin).
"""

from collections import Counter
from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from benchmarks.report import Report
from benchmarks.reports.inert import xml_text
from benchmarks.stats.strong_passes import least_of_passes
from benchmarks.verdict import Verdict
from coder.base.text.ci_commands import break_commands


def junit(report: Report) -> str:
    """Return the document. A pass below the report's minimum strength failed, as do cases without a sample.

    The output of each test case is the strength of its verdict. Properties of the suite: `least-strength` of
    its passes, if there are any, and `min-strength`, if the report has one.
    """
    sample_counts = Counter(verdict.id for verdict in report.verdicts)
    suite = Element("testsuite", name=_clean(f"{report.suite} {report.suite_version}"))
    suite_properties = {"least-strength": least_of_passes(report), "min-strength": report.min_strength}
    _add_properties(suite, suite_properties)
    seconds = 0.0
    for verdict in report.verdicts:
        name = verdict.id if sample_counts[verdict.id] == 1 else f"{verdict.id} #{verdict.sample}"
        case = SubElement(
            suite, "testcase", classname=_clean(report.suite), name=_clean(name), time=f"{verdict.wall_s:.3f}"
        )
        seconds += verdict.wall_s
        _mark(case, verdict, report)
        SubElement(case, "system-out").text = f"strength: {verdict.strength}"
    for missing in report.missing:
        case = SubElement(
            suite, "testcase", classname=_clean(report.suite), name=_clean(missing), time="0.000"
        )
        SubElement(case, "failure", type="missing", message="there is no sample of this case")
    counts = {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("*/failure")),
        "errors": len(suite.findall("*/error")),
    }
    for element in (suite, root := Element("testsuites")):
        for key, count in counts.items():
            element.set(key, str(count))
        element.set("time", f"{seconds:.3f}")
    suite.set("skipped", "0")
    if report.times.started:
        suite.set("timestamp", report.times.started.removesuffix("Z"))
    root.append(suite)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _add_properties(element: Element, values: Mapping[str, str | None]) -> None:
    """Add the properties that have a value, if any has."""
    properties = Element("properties")
    for name, value in values.items():
        if value is not None:
            SubElement(properties, "property", name=name, value=value)
    if len(properties):
        element.append(properties)


def _mark(case: Element, verdict: Verdict, report: Report) -> None:
    detail = _clean(verdict.detail)
    if verdict.verdict == "infrastructure":
        SubElement(case, "error", type=verdict.verdict, message=detail).text = detail
    elif verdict.verdict == "passed" and not report.is_pass(verdict):
        message = f"passed ({verdict.strength}), which is below {report.min_strength}"
        SubElement(case, "failure", type="too-weak", message=message).text = detail or message
    elif verdict.verdict != "passed":
        SubElement(
            case, "failure", type=verdict.verdict, message=detail
        ).text = f"{verdict.verdict} ({verdict.strength}): {detail}"


def _clean(text: str) -> str:
    return break_commands(xml_text(text))
