"""Runners: a known command is asked for its report by words that don't change what it tests."""

import json

import pytest

from coder.verify.reports.runners import runner_of

FILE = ".coder/report"


def asked(command: str, **scripts: str) -> str | None:
    package = {"package.json": json.dumps({"scripts": scripts}).encode()} if scripts else {}
    runner = runner_of(command.split(), FILE, package)
    return " ".join(runner.argv) if runner is not None else None


JEST = f"--json --outputFile={FILE} --testLocationInResults"
VITEST = f"--reporter=default --reporter=json --outputFile.json={FILE}"
NODE = (
    "--test-reporter=spec --test-reporter-destination=stdout "
    f"--test-reporter=junit --test-reporter-destination={FILE}"
)


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("go test ./...", "go test -json ./..."),
        ("go test -json ./calc", "go test -json ./calc"),
        ("cargo test --lib", "cargo test --no-fail-fast --lib"),
        ("npx jest src", f"npx jest {JEST} src"),
        ("node_modules/.bin/jest", f"node_modules/.bin/jest {JEST}"),
        ("npx mocha -C test", "npx mocha -C test --reporter json"),
        ("npx vitest run a", f"npx vitest run {VITEST} a"),
        ("env A=1 node --test lib", f"env A=1 node --test {NODE} lib"),
    ],
)
def test_a_known_runner_is_asked_for_its_report(command: str, argv: str) -> None:
    assert asked(command) == argv


@pytest.mark.parametrize(
    "command",
    [
        "make test",
        "go build ./...",
        "node app.js",
        "npx jest --json",
        "vitest watch",
        "./run.sh",
        "cargo build",
    ],
)
def test_every_other_command_stays_as_it_is(command: str) -> None:
    assert asked(command) is None


def test_npm_test_is_the_one_runner_that_package_json_names() -> None:
    assert asked("npm test", test="jest") == f"npm test -- {JEST}"
    assert asked("npm test", test="mocha -R spec") == "npm test -- --reporter json"
    assert asked("npm run unit", unit="vitest run") == f"npm run unit -- {VITEST}"
    assert asked("yarn test", test="jest --ci") == f"yarn test {JEST}"


@pytest.mark.parametrize("script", ["jest && rm x", "jest | tee log", "ava", "node app.js", "jest 'open", ""])
def test_npm_test_that_is_more_than_one_runner_stays_as_it_is(script: str) -> None:
    assert asked("npm test", test=script) is None
