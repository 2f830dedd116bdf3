"""Embeddings of an endpoint on loopback: a hash of each word, where words of one meaning count as one."""

import zlib

from tests.faulty_endpoint import Reply, Request, status

SIZE = 64
_MEANINGS = {"sums": "adding", "numbers": "adding", "total": "adding", "car": "automobile"}


def embeds(request: Request) -> Reply:
    """The vectors of a request's texts, in reverse order, as the index counts."""
    rows = [
        {"object": "embedding", "index": index, "embedding": vector(text)}
        for index, text in enumerate(request.body["input"])
    ]
    tokens = sum(len(text.split()) for text in request.body["input"])
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return status(200, {"object": "list", "data": rows[::-1], "model": "toy", "usage": usage})


def vector(text: str) -> list[float]:
    """How often each hash of a word occurs."""
    numbers = [0.0] * SIZE
    for word in "".join(letter if letter.isalnum() else " " for letter in text.lower()).split():
        numbers[zlib.crc32(_MEANINGS.get(word, word).encode()) % SIZE] += 1
    return numbers
