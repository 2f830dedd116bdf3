import subprocess
import sys

from coder.models.sdk import re_exported

LOADED = (
    "import sys; before = list(sys.meta_path);"
    "from coder.models.sdk import load_sdk; load_sdk(); assert sys.meta_path == before;"
)


def _says(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", LOADED + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_sdk_is_imported_without_the_types_that_nobody_asked_for() -> None:
    said = _says("print(sum(name.startswith('openai.types.') for name in sys.modules))")

    assert int(said) < 100  # of more than 400


def test_every_name_of_its_types_is_there_when_somebody_asks_for_it() -> None:
    said = _says(
        "from openai.types.responses import *; import openai;"
        "print(Response.__module__, openai.types.Batch.__module__, 'Batch' in dir(openai.types),"
        "hasattr(openai.types, 'Nothing'))"
    )

    assert said == "openai.types.responses.response openai.types.batch True False"


def test_a_package_of_imports_alone_is_known_by_its_source() -> None:
    source = """
# Made by a program.

from __future__ import annotations

from .batch import Batch as Batch
from .shared.kinds import (
    Kind as Kind,
    Other,
)
"""

    assert re_exported(source) == {
        "Batch": ("batch", "Batch"),
        "Kind": ("shared.kinds", "Kind"),
        "Other": ("shared.kinds", "Other"),
    }


def test_a_package_with_code_of_its_own_is_imported_as_ever() -> None:
    assert re_exported("from .batch import Batch as Batch\nprint('here')\n") is None
    assert re_exported("import os\n") is None
    assert re_exported("from ..other import thing\n") is None


def test_a_package_with_a_name_of_one_of_its_modules_is_imported_as_ever() -> None:
    assert re_exported("from .batch import batch as batch\n") is None
