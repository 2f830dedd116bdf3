"""Call a Docker engine repeatedly, with tenacity, which no other module of `sandbox` imports."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sandbox.errors import SandboxError

T = TypeVar("T")


async def poll(
    look: Callable[[], Awaitable[T]], is_done: Callable[[T], bool], *, every_s: float, times: int
) -> T | None:
    """Return the first result of `look` that is done; None after `times` calls. Errors are raised at once."""
    from tenacity import AsyncRetrying, retry_if_not_result, stop_after_attempt, wait_fixed

    policy = AsyncRetrying(
        retry=retry_if_not_result(is_done),
        wait=wait_fixed(every_s),
        stop=stop_after_attempt(times),
        retry_error_callback=lambda _: None,
    )
    return await policy(look)


async def repeat(work: Callable[[], Awaitable[None]], *, every_s: float, times: int) -> None:
    """Call `work` this many times, whether it succeeds or raises SandboxError."""
    from tenacity import (
        AsyncRetrying,
        retry_if_exception_type,
        retry_if_result,
        stop_after_attempt,
        wait_fixed,
    )

    policy = AsyncRetrying(
        retry=retry_if_exception_type(SandboxError) | retry_if_result(lambda _: True),
        wait=wait_fixed(every_s),
        stop=stop_after_attempt(times),
        retry_error_callback=lambda _: None,
    )
    await policy(work)


async def retry(
    work: Callable[[], Awaitable[T]], *, may_pass: Callable[[BaseException], bool], every_s: float, times: int
) -> T:
    """Return the result of `work`, retried on errors that `may_pass` accepts; the last error is raised."""
    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

    policy = AsyncRetrying(
        retry=retry_if_exception(may_pass),
        wait=wait_fixed(every_s),
        stop=stop_after_attempt(times),
        reraise=True,
    )
    return await policy(work)
