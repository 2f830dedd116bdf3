"""Short limits for a test in which one has to run out, on a machine of any speed.

On a busy machine a short limit may run out before the program has got to where the test needs it to be
stopped. The test then runs it again, with four times the limit.
"""

from collections.abc import Iterator


def growing_limits(first_s: float) -> Iterator[float]:
    """Yield limits in seconds; break once one has run out in the right place."""
    for power in range(5):
        yield first_s * 4**power
