"""Blobs in an S3-compatible object store (`CODER_BLOBS=s3://bucket/prefix`).

Keys, endpoint and region come from the usual settings of AWS's clients: AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL,
AWS_PROFILE and others. Only this module retries, so that the total time is bounded.
"""

import errno
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from importlib.util import find_spec
from operator import methodcaller
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from coder.base.errors import BlobMissing, CoderError, MachineError, MissingExtra, StoreRefused, UsageError
from coder.base.text.redact import Redactor
from coder.store.blobs import ELSEWHERE, BlobInfo, Blobs, blob_name, check_content, check_name, is_blob_name

SCHEME = "s3://"
RETRY_S = 15.0
"""A call may take this long, including retries; the last attempt may add its own timeout."""
_CHECK_RETRY_S = 3.0
"""RETRY_S of the check in an append's transaction, for which other processes wait."""
CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 5.0
"""Longest silence of the store."""
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([\w.!*'()/-]*))?", re.ASCII)
_PASSING_ERRNOS = (errno.EBUSY, errno.EREMOTEIO, errno.ETIMEDOUT)
"""Error numbers that s3fs sets for the answers 500, 503, SlowDown and OperationAborted."""
_REFUSALS = {
    "InvalidToken", "TokenRefreshRequired", "AuthorizationHeaderMalformed", "CredentialsNotSupported",
}  # fmt: skip
"""Error codes about the key for which s3fs doesn't raise PermissionError."""


class ObjectBlobs:
    """A folder of a bucket with an object for each blob.

    Raises:
        UsageError: the address isn't that of a bucket.
        MissingExtra: s3fs isn't installed.
    """

    is_remote = True

    def __init__(
        self, address: str, folder: str, *, retry_s: float = RETRY_S, read_timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        """Use the folder of a log in the bucket at an address."""
        if (parts := _ADDRESS.fullmatch(address)) is None:  # not quoted, as it may contain a key
            raise UsageError(
                "CODER_BLOBS (or blobs of [store]) is no address of a bucket, such as s3://bucket/prefix. "
                "Keys belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        if find_spec("s3fs") is None:
            raise MissingExtra(f"s3fs, which {address} needs,", "s3")
        self._bucket, folders = parts[1], (parts[2] or "").split("/")
        if {".", ".."} & {*folders}:  # a client may resolve them, or not
            raise UsageError("CODER_BLOBS (or blobs of [store]) has a folder . or .. in its prefix. Omit it.")
        self._root = "/".join(filter(None, (self._bucket, *folders, folder)))
        self._retry_s, self._read_timeout_s = retry_s, read_timeout_s
        self._stored: set[str] = set()
        """Blobs that this process has stored or seen; their size isn't asked for again."""
        self._redact = Redactor.from_environment().redact

    @property
    def places(self) -> Mapping[str, Blobs]:
        """This folder of the bucket; the endpoint is the same for all buckets of a process."""
        return {f"{SCHEME}{self._root}": self}

    def put(self, content: bytes) -> str:
        """Store content durably and return its name."""
        name = blob_name(content)
        if name not in self._stored and self._size(name, self._retry_s) != len(content):
            self._call(methodcaller("pipe_file", self._path(name), content), self._retry_s)
        self._stored.add(name)
        return name

    def get(self, name: str) -> bytes:
        """Return the content of a blob by its name."""
        check_name(name)
        try:
            content: bytes = self._call(methodcaller("cat_file", self._path(name)), self._retry_s)
        except FileNotFoundError as error:
            raise BlobMissing(
                f"A part of the event log is missing: there is no {SCHEME}{self._path(name)}. {ELSEWHERE}"
            ) from error
        return check_content(name, content, f"{SCHEME}{self._path(name)}")

    def has(self, name: str) -> bool:
        """Whether a blob is there."""
        is_there = self._size(name, _CHECK_RETRY_S) is not None
        if not is_there:
            self._stored.discard(name)
        return is_there

    def entries(self) -> Iterator[BlobInfo]:
        """List all blobs; other objects are skipped."""
        details = self._call(methodcaller("find", self._root, detail=True), self._retry_s)
        for path, info in details.items():
            name = path.removeprefix(f"{self._root}/")
            if is_blob_name(name):
                yield BlobInfo(name, info["size"], info["LastModified"].timestamp())

    def remove(self, names: Collection[str]) -> None:
        """Remove blobs."""
        for name in names:
            self._stored.discard(name)
            self._call(methodcaller("rm_file", self._path(name)), self._retry_s)

    def _size(self, name: str, retry_s: float) -> int | None:
        try:
            size: int = self._call(methodcaller("info", self._path(name)), retry_s)["size"]
        except FileNotFoundError:
            return None
        return size

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @cached_property
    def _files(self) -> Any:  # noqa: ANN401 - fsspec has no types
        import fsspec  # takes a second with botocore, and most commands touch no blob

        config = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": self._read_timeout_s,
            "retries": {"total_max_attempts": 1},
        }
        files = fsspec.filesystem(
            "s3",
            skip_instance_cache=True,
            use_listings_cache=False,
            max_concurrency=1,  # else each read asks for the size first
            config_kwargs=config,
        )
        files.retries = 1
        files.connect()
        return files

    def _call(self, act: Callable[[Any], Any], retry_s: float) -> Any:  # noqa: ANN401 - as fsspec
        """Call a method of the store's file system; retry while the store is unavailable.

        Raises:
            FileNotFoundError: the object isn't there.
            StoreRefused: the store refuses the key, or there is none.
            MachineError: the store is unavailable, or has no such bucket.
        """
        policy = Retrying(
            retry=retry_if_exception(_is_passing),
            wait=wait_exponential(0.1, max=2),
            stop=stop_after_delay(retry_s),
            reraise=True,
        )
        try:
            files = self._files  # loading botocore takes seconds; the clock of the retries starts afterwards
            return policy(act, files)
        except FileNotFoundError as error:
            if _code(error) == "NoSuchBucket":
                raise MachineError(f"The object store has no bucket {self._bucket!r}. Create it.") from error
            raise
        except Exception as error:
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> Exception:
        from botocore.exceptions import BotoCoreError, NoCredentialsError, PartialCredentialsError

        reason = self._redact(str(error) or type(error).__name__)
        if isinstance(error, NoCredentialsError | PartialCredentialsError):
            return StoreRefused(
                f"There is no key for {SCHEME}{self._bucket}: {reason}. "
                "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
            )
        if isinstance(error, PermissionError) or _code(error) in _REFUSALS:
            return StoreRefused(
                f"The object store refuses your key for {SCHEME}{self._bucket}: {reason}. "
                "It must allow reading, writing, deleting and listing."
            )
        if isinstance(error, OSError | BotoCoreError | ValueError):
            return MachineError(
                f"The blobs in {SCHEME}{self._bucket} can't be used: {reason}. "
                "See that the store runs and AWS_ENDPOINT_URL and AWS_REGION are right."
            )
        return error


def _is_passing(error: BaseException) -> bool:
    """Whether a call failed because the store is unavailable, so that a retry can help."""
    if isinstance(error, CoderError):
        return False
    from botocore.exceptions import ConnectionError as ConnectingError
    from botocore.exceptions import HTTPClientError
    from botocore.parsers import ResponseParserError

    if isinstance(error, ConnectingError | HTTPClientError | ResponseParserError | TimeoutError):
        return True
    return isinstance(error, OSError) and error.errno in _PASSING_ERRNOS


def _code(error: BaseException) -> str:
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
