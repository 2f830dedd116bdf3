"""Runs checks: assertions, examples and test files, on proxies of the candidate's modules."""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.candidate_line import CandidateLine
from sandbox.inner.bridge.guard import Guard
from sandbox.inner.bridge.link import Link
from sandbox.inner.checker.asserts import rewritten
from sandbox.inner.checker.example_blocks import run_example
from sandbox.inner.checker.namespaces import Namespace
from sandbox.inner.checker.reporting import Reports, remember
from sandbox.inner.checker.test_imports import Finder
from sandbox.inner.checker.testfile import run_test_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.inner.process.channel import Channel


def run_checks(channel: Channel, line: Channel | None, job: Mapping[str, Any]) -> None:
    """Run the checks of a job, and report each.

    Args:
        line: to the candidate; None where the host passes frames on.
        job: `checks`, `module` (where the candidate's names are looked up), `provides` (its other modules),
            `crossing`, `wall_s`.
    """
    link = Link(CandidateLine(channel, line), Guard(**job["crossing"]), wall_s=job["wall_s"])
    reports = Reports(channel)
    module: str = job["module"]
    sys.path.append(os.getcwd())  # last: a test's helper must not hide a module of the standard library
    sys.meta_path.insert(0, Finder(link, module, job["provides"]))
    session = Namespace(module, "__main__")
    for number, check in enumerate(job["checks"]):
        reports.number = number
        if check["kind"] == "file":
            run_test_file(check, module, reports)
            continue
        with reports.attempt(check["name"]):
            if check["kind"] == "assertion":
                _run_assertion(check, module)
            else:  # examples follow one another in one session
                session.prepare(ast.parse(check["source"]))
                run_example(check["source"], check["want"], session)
    reports.end(link)
    reports.flush()


def _run_assertion(check: Mapping[str, Any], module: str) -> None:
    filename, source = "<check>", check["source"]
    remember(filename, source)
    tree = rewritten(source, filename)
    space = Namespace(module, "check", entry_point=check["entry_point"])
    space.prepare(tree)
    exec(compile(tree, filename, "exec"), space)
