"""Weights of the user's that come from an address."""

from pathlib import Path

import pytest

from coder.errors import ModelUnavailable, UsageError
from coder.models.catalog import UserModels
from coder.models.find_model import resolve
from tests.faulty_endpoint import unused_port


async def test_weights_from_an_address_need_https_and_a_checksum(tmp_path: Path) -> None:
    book = UserModels(cache=tmp_path)
    checksum = "0" * 64

    with pytest.raises(UsageError, match="need their checksum"):
        await resolve("local/https://127.0.0.1/m.gguf", environ={}, book=book)
    with pytest.raises(UsageError, match="only https"):
        await resolve(f"local/http://127.0.0.1/m.gguf#sha256={checksum}", environ={}, book=book)
    dead = f"https://127.0.0.1:{unused_port()}/m.gguf"
    with pytest.raises(ModelUnavailable, match="can't be loaded"):
        await resolve(f"local/{dead}#sha256={checksum}", environ={}, book=book)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_weights_that_were_loaded_before_are_taken_from_the_cache(tmp_path: Path) -> None:
    kept = tmp_path / "weights" / ("a" * 16) / "m.gguf"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"GGUF")

    choice = await resolve(
        f"local/https://nowhere.invalid/m.gguf#sha256={'A' * 64}", environ={}, book=UserModels(cache=tmp_path)
    )

    assert (choice.name, choice.weights) == ("local/m", kept)
