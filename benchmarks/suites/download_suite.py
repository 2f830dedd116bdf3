"""Download public suites once from their official addresses, with pinned checksums."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from benchmarks.suite import Suite
from benchmarks.suites.load import read_suite
from coder.base.errors import ModelUnavailable, UsageError
from coder.base.fs.atomic_replace import replacing
from coder.base.fs.private_folder import cache_folder
from coder.models.http_download import download
from coder.show.styling import download_bar

MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class SuiteSource:
    """Immutable file of a suite, with its address and checksum."""

    name: str
    version: str
    url: str
    sha256: str


def humaneval() -> Suite:
    """164 functions of Chen et al. 2021; downloaded once."""
    url = (
        "https://raw.githubusercontent.com/openai/human-eval/6d43fb980f9fee3c892a914eda09951f772ad10d"
        "/data/HumanEval.jsonl.gz"
    )
    sha256 = "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef"
    return fetch_suite(SuiteSource("humaneval", "1.0", url, sha256))


def humaneval_plus() -> Suite:
    """HumanEval's functions with many more inputs, of evalplus; downloaded once."""
    url = "https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus.jsonl.gz"
    sha256 = "272720b90ac375502c8ed23cd791c2a93dfb22a911641a494da74a426c09f101"
    return fetch_suite(SuiteSource("humaneval+", "0.1.10", url, sha256))


def mbpp_plus() -> Suite:
    """378 functions of MBPP with many more inputs, of evalplus; downloaded once."""
    url = "https://github.com/evalplus/mbppplus_release/releases/download/v0.2.0/MbppPlus.jsonl.gz"
    sha256 = "af43697e8791c4c149bdfd6b489d8b5412507551ac20e28a439f650b8225db63"
    return fetch_suite(SuiteSource("mbpp+", "0.2.0", url, sha256))


def fetch_suite(source: SuiteSource, *, folder: Path | None = None) -> Suite:
    """Return the suite of a source from the cache, or download it. Raises UsageError if that fails."""
    path = (folder or cache_folder() / "suites") / f"{source.name}-{source.version}.jsonl.gz"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        content = _download(source) if is_new else path.read_bytes()
        is_valid = hashlib.sha256(content).hexdigest() == source.sha256
        if is_new and not is_valid:
            raise UsageError(f"{source.url} has another checksum than {source.sha256}.")
        if is_new:
            with replacing(path) as file:
                file.write(content)
    except (UsageError, ModelUnavailable, OSError) as cause:
        raise UsageError(
            f"{source.name} couldn't be downloaded: {cause}\n"
            f"Get {source.url} where there is a network, and give the file instead of the name."
        ) from cause
    if not is_valid:
        raise UsageError(
            f"{path} isn't the {source.name} {source.version} that it was: its checksum differs.\n"
            f"Delete it, and it is downloaded again."
        )
    return read_suite(path, name=source.name, version=source.version)


def _download(source: SuiteSource) -> bytes:
    with download_bar(source.name) as on_progress:
        return download(source.url, max_bytes=MAX_BYTES, on_progress=on_progress)
