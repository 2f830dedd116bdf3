"""Parse the flags --workers, --worker-tokens and --ray, which set where samples are answered and judged."""

from pathlib import Path
from urllib.parse import urlsplit

from coder.base.errors import UsageError
from sandbox.result import Value


class Spread(Value):
    """Processes and machines that answer and judge samples."""

    workers: int | None = None
    """Number of concurrent samples on this machine; None chooses by machine and model."""
    addresses: tuple[str, ...] = ()
    """Workers of a fleet; they alone get hidden tests."""
    tokens: Path | None = None
    """File with a line `ADDRESS TOKEN` for each worker."""
    ray: str | None = None
    """Address of a Ray cluster, or `local`."""


def parse_spread(text: str | None, tokens: Path | None, ray: str | None) -> Spread:
    """Return where samples are answered and judged. Raises UsageError.

    Args:
        text: value of --workers: a number, or addresses separated by commas.
        tokens: value of --worker-tokens.
        ray: value of --ray.
    """
    if ray is not None:
        if text is not None:
            raise UsageError("--workers and --ray exclude each other: a cluster knows its machines.")
        return Spread(ray=ray)
    if text is None:
        return Spread()
    if text.isdecimal() and int(text) > 0:
        return Spread(workers=int(text))
    addresses = tuple(address.strip().rstrip("/") for address in text.split(",") if address.strip())
    for address in addresses:
        try:
            url = urlsplit(address)
            is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            is_address = False
        if not is_address or url.username is not None or len({*addresses}) < len(addresses):
            raise UsageError(
                f"--workers {text!r} is neither a number nor different addresses such as "
                "http://a:8765,https://b.\nTokens belong in a file: --worker-tokens FILE"
            )
    if not addresses:
        raise UsageError(f"--workers {text!r} names no worker. Give a number or addresses.")
    return Spread(addresses=addresses, tokens=tokens)


def load_tokens(path: Path | None) -> dict[str, str]:
    """Return the token of each worker. Raises UsageError if the file is unreadable or a line is invalid."""
    if path is None:
        return {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--worker-tokens: {path} can't be read: {error}") from error
    tokens = dict[str, str]()
    for number, line in enumerate(lines, 1):
        if not (words := line.split()) or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise UsageError(f"{path}, line {number}: it has to be an address and its token.")
        tokens[words[0].rstrip("/")] = words[1]
    return tokens
