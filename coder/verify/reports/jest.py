"""jest and vitest: the JSON that `--json` and `--reporter=json` write, which is the same for both."""

import json

from coder.verify.reports.failure_places import Places
from coder.verify.reports.runner_report import MOST_LINES, Report, failed_line, passed_line


def read_jest(text: str, places: Places) -> Report | None:
    """Tests as `file > describe > name`; a file that can't be run is one failed line. None: no such JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("testResults"), list):
        return None
    lines = []
    for file in filter(_is_object, document["testResults"]):
        printed = str(file.get("name", ""))
        path = places.resolve(printed) or printed
        tests = [test for test in file.get("assertionResults") or [] if _is_object(test)]
        for test in tests[:MOST_LINES]:
            name = " > ".join([path, *map(str, test.get("ancestorTitles") or []), str(test.get("title", ""))])
            if test.get("status") == "passed":
                lines.append(passed_line(name))
            elif test.get("status") == "failed":
                lines.append(
                    failed_line(name, "\n".join(map(str, test.get("failureMessages") or [])), places)
                )
        if file.get("status") == "failed" and all(test.get("status") != "failed" for test in tests):
            lines.append(failed_line(path, str(file.get("message", "")), places))
    return Report(tuple(lines[:MOST_LINES]))


def _is_object(value: object) -> bool:
    return isinstance(value, dict)
