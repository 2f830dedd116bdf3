"""Public suites by name: downloaded once, from their official addresses, by a checksum that is fixed here."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BadSuite
from benchmarks.suite import Suite
from benchmarks.suites.load import read_suite
from benchmarks.suites.records import sha256_of
from coder.errors import ModelUnavailable, UsageError
from coder.fs.private_folder import cache_folder
from coder.models.http_download import fetch

MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A file that never changes, and where it is."""

    name: str
    version: str
    url: str
    sha256: str

    @property
    def file(self) -> str:
        """Its name in the cache."""
        return f"{self.name}-{self.version}.jsonl.gz"


HUMANEVAL = Source(
    name="humaneval",
    version="1.0",
    url="https://raw.githubusercontent.com/openai/human-eval/6d43fb980f9fee3c892a914eda09951f772ad10d/data/HumanEval.jsonl.gz",
    sha256="b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
)
HUMANEVAL_PLUS = Source(
    name="humaneval+",
    version="0.1.10",
    url="https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus.jsonl.gz",
    sha256="272720b90ac375502c8ed23cd791c2a93dfb22a911641a494da74a426c09f101",
)
MBPP_PLUS = Source(
    name="mbpp+",
    version="0.2.0",
    url="https://github.com/evalplus/mbppplus_release/releases/download/v0.2.0/MbppPlus.jsonl.gz",
    sha256="af43697e8791c4c149bdfd6b489d8b5412507551ac20e28a439f650b8225db63",
)


def humaneval() -> Suite:
    """164 functions of Chen et al. 2021; downloaded once."""
    return fetched(HUMANEVAL)


def humaneval_plus() -> Suite:
    """HumanEval's functions with many more inputs, of evalplus; downloaded once."""
    return fetched(HUMANEVAL_PLUS)


def mbpp_plus() -> Suite:
    """378 functions of MBPP with many more inputs, of evalplus; downloaded once."""
    return fetched(MBPP_PLUS)


def fetched(source: Source, *, folder: Path | None = None) -> Suite:
    """The suite of a source, out of the cache or downloaded into it.

    Args:
        folder: the cache; by default `suites` in that of the product.

    Raises:
        BadSuite: no connection, a wrong checksum, or a cache that can't be written to.
    """
    path = (folder or cache_folder() / "suites") / source.file
    if not path.exists():
        _download(source, path)
    elif sha256_of(path, BadSuite) != source.sha256:
        raise BadSuite(
            f"{path} isn't the {source.name} {source.version} that it was: its checksum differs.\n"
            f"Delete it, and it is downloaded again."
        )
    return read_suite(path, name=source.name, version=source.version)


def _download(source: Source, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fetch(source.url, path, sha256=source.sha256, most=MAX_BYTES)
    except (UsageError, ModelUnavailable, OSError) as cause:
        raise BadSuite(
            f"{source.name} couldn't be downloaded: {cause}\n"
            f"Get {source.url} where there is a network, and give the file instead of the name."
        ) from cause
