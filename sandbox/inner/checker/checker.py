"""The checker's side of a check: runs pristine tests on proxies of the candidate's modules, and reports.

None of the candidate's code is ever in this process, or in its sandbox; what the host believes comes from
here only.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.exports import Exports
from sandbox.inner.bridge.link import Link
from sandbox.inner.checker.asserts import rewritten
from sandbox.inner.checker.example_blocks import run_example
from sandbox.inner.checker.namespaces import Namespace
from sandbox.inner.checker.reporting import Reports, remember
from sandbox.inner.checker.test_imports import Finder
from sandbox.inner.checker.testfile import run_test_file
from sandbox.inner.process.execute import forget_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.inner.process.channel import Channel


def main(channel: Channel, arguments: Mapping[str, Any]) -> None:
    """Run checks.

    Args:
        arguments: `checks`, `module` (where the candidate's names are looked up), `provides` (its other
            modules), `write_back`, `plain`, `compares`, `uses`, `spares_mocks`, `wall_s`.
    """
    exports = Exports(arguments["uses"], spares_mocks=arguments["spares_mocks"])
    link = Link(
        channel,
        writes_back=arguments["write_back"],
        plain=arguments["plain"],
        compares=arguments["compares"],
        wall_s=arguments["wall_s"],
        exports=exports,
    )
    reports = Reports(channel)
    module: str = arguments["module"]
    forget_server()
    sys.path.append(os.getcwd())  # last: a test's helper must not hide a module of the standard library
    sys.meta_path.insert(0, Finder(link, module, arguments["provides"]))
    session = Namespace(module, "__main__")
    for number, check in enumerate(arguments["checks"]):
        reports.check(number)
        kind = check["kind"]
        if kind == "assertion":
            with reports.attempt(check["name"]):
                _run_assertion(check, module)
        elif kind == "example":
            with reports.attempt(check["name"]):
                _run_session(check["source"], check["want"], session)
        else:
            run_test_file(check, module, reports)
    reports.end(
        mutated=link.mutated, referred=link.referred, disowned=link.disowned, uses=sorted(exports.uses)
    )


def _run_assertion(check: Mapping[str, Any], module: str) -> None:
    filename, source = "<check>", check["source"]
    remember(filename, source)
    tree = rewritten(source, filename)
    space = Namespace(module, "check", entry_point=check["entry_point"])
    space.prepare(tree)
    exec(compile(tree, filename, "exec"), space)


def _run_session(source: str, want: str, session: Namespace) -> None:
    """Examples follow one another in one session; what one defines, the next one finds."""
    session.prepare(ast.parse(source))
    run_example(source, want, session)
