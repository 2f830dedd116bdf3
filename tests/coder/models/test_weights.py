"""Weights of the user's: how much of a model fits here, and those that come from an address."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.errors import ModelUnavailable, UsageError
from coder.models.context_fit import LEAST, MOST, USUAL, fitting_context, free_memory, processors
from coder.models.find_model import resolve
from coder.models.gguf import Facts, read_facts
from coder.models.user_models import UserModels
from coder.models.weights import embedded_weights
from tests.faulty_endpoint import unused_port

GIB = 1 << 30


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def number(key: str, value: int) -> bytes:
    return text(key) + struct.pack("<II", 4, value)


def header(*, context: int = 131_072) -> bytes:
    """The header of a model such as Llama 3.1 8B."""
    rows = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("general.tags") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b"),
        number("llama.context_length", context),
        number("llama.block_count", 32),
        number("llama.attention.head_count", 32),
        number("llama.attention.head_count_kv", 8),
        number("llama.embedding_length", 4096),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 1 << 60),
    ]
    return struct.pack("<4sIQQ", b"GGUF", 3, 0, len(rows)) + b"".join(rows)


def weights(folder: Path, content: bytes) -> Path:
    file = folder / "m.gguf"
    file.write_bytes(content)
    return file


def test_a_header_says_what_its_model_can_read_and_what_that_takes(tmp_path: Path) -> None:
    facts = read_facts(weights(tmp_path, header()))

    # 32 layers x 8 heads x (128 + 128) values of 2 bytes: 128 KiB a token, as llama.cpp reports.
    assert facts == Facts(context=131_072, bytes_per_token=131_072)


def test_the_embedded_model_is_read_like_any_other() -> None:
    facts = read_facts(embedded_weights())

    # SmolLM2-135M: 8,192 tokens; 30 layers x 3 heads x (64 + 64) x 2 bytes.
    assert facts == Facts(context=8192, bytes_per_token=23_040)


@pytest.mark.parametrize(
    ("free", "context"),
    [(64 * GIB, MOST), (4 * GIB, 16_383), (GIB // 8, LEAST), (0, LEAST)],
)
def test_the_context_is_what_the_memory_has_room_for(tmp_path: Path, free: int, context: int) -> None:
    # 4 GiB: half of it holds 16,384 tokens of 128 KiB, less one for the weights.
    assert fitting_context(weights(tmp_path, header()), free=free) == context


def test_a_model_that_reads_little_gets_no_more(tmp_path: Path) -> None:
    assert fitting_context(weights(tmp_path, header(context=1024)), free=64 * GIB) == 1024


@given(st.binary(max_size=60), st.integers(0, 300))
def test_a_damaged_header_is_the_same_as_none(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    content = header()
    damaged = weights(tmp_path_factory.mktemp("gguf"), content[:at] + noise + content[at + len(noise) :])

    facts = read_facts(damaged)

    assert facts.context is None or facts.context > 0
    assert LEAST <= fitting_context(damaged, free=4 * GIB) <= MOST or facts.context is not None


def test_a_file_that_says_nothing_gets_the_usual_context(tmp_path: Path) -> None:
    assert fitting_context(weights(tmp_path, b"GGUF"), free=64 * GIB) == USUAL


def test_this_machine_has_memory_and_processors() -> None:
    assert (free_memory() or 1) > 0
    assert processors() >= 1


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
    kept.write_bytes(header())

    choice = await resolve(
        f"local/https://nowhere.invalid/m.gguf#sha256={'A' * 64}", environ={}, book=UserModels(cache=tmp_path)
    )

    assert (choice.name, choice.weights) == ("local/m", kept)
