"""Print which of the texts on stdin Harbor's own models accept. Run by a Python that has Harbor."""

import json
import sys
import warnings

from harbor.models.task.config import TaskConfig

warnings.simplefilter("ignore")


def is_accepted(text: str) -> bool:
    """Whether Harbor reads a text as a `task.toml`."""
    try:
        TaskConfig.model_validate_toml(text)
    except ValueError:
        return False
    return True


json.dump([is_accepted(text) for text in json.load(sys.stdin)], sys.stdout)
