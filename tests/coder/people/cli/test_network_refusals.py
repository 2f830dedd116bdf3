"""The few lines that are told of refused requests."""

import logging

from coder.people.cli.network_refusals import network_refusals


def test_what_is_refused_again_is_no_more_than_was_told() -> None:
    log, hosts = logging.getLogger("sandbox.network"), [f"host{n} is not allowed" for n in range(5)]

    with network_refusals() as lines:
        for reason in (*hosts, *hosts):
            log.info("refused: %s", reason)
        first_lines = [*lines]
        for reason in ("a sixth", "a seventh"):
            log.info("refused: %s", reason)

    assert first_lines == [f"network: {reason}" for reason in hosts]
    assert lines == [*first_lines, "network: and more"]
