"""Where the data lies that is not ours to publish."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    folder = os.environ.get("CODER_TEST_DATA")
    if folder is None:
        pytest.skip("CODER_TEST_DATA is not set: no shared data")
    return Path(folder)
