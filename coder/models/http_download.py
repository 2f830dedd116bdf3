"""Download from an https address, up to a limit of bytes."""

from coder.errors import ModelUnavailable, UsageError
from coder.models.connection import SET_FOR_HTTP
from coder.models.endpoint import parts_of, without_credentials

TIMEOUT_S = 20.0
"""Of one read; the whole download may take longer."""


def download(url: str, *, most: int) -> bytes:
    """The content of an address, over https to the end of every redirect.

    Raises:
        UsageError: the address or a redirect isn't https, or there are more than `most` bytes.
        ModelUnavailable: there is no answer, or an error.
    """
    import httpx2

    shown = without_credentials(url)
    content = bytearray()
    if parts_of(url).scheme != "https":
        raise UsageError(f"{shown} is refused: only https:// proves who answers. A file can be named, too.")
    try:
        with httpx2.stream("GET", url, follow_redirects=True, timeout=TIMEOUT_S) as response:
            hops = [*response.history, response]
            leads = next((str(hop.url) for hop in hops if hop.url.scheme != "https"), None)
            if leads is not None:
                raise UsageError(f"{shown} leads to {without_credentials(leads)}, which isn't https.")
            if not response.is_success:
                raise ModelUnavailable(
                    f"{shown} can't be loaded: HTTP {response.status_code} {response.reason_phrase}."
                )
            for piece in response.iter_bytes():
                content += piece
                if len(content) > most:
                    raise UsageError(f"{shown} holds more than {most >> 20} MiB, and is refused.")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = str(error).replace(url, shown)
        raise ModelUnavailable(f"{shown} can't be loaded: {reason}. Is this machine online?") from error
    except (ImportError, OSError, ValueError) as error:
        raise ModelUnavailable(f"{shown} can't be loaded: {error}\n{SET_FOR_HTTP}") from error
    return bytes(content)
