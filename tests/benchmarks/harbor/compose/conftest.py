"""Docker's client has the compose plugin."""

import os

import pytest


@pytest.fixture(autouse=True)
def _plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's client has the plugin that `.ci/run` installs, if it did."""
    if "CODER_DOCKER_CONFIG" in os.environ:
        monkeypatch.setenv("DOCKER_CONFIG", os.environ["CODER_DOCKER_CONFIG"])
