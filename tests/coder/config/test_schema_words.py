"""What is said of a value that a key doesn't take."""

import pytest

from coder.base.errors import UsageError
from coder.config.schema import checked, flag


def test_a_strategy_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"--strategy: .*'act'.*'best-of-n'.*not 'review'"):
        checked({"strategy": "review"}, flag)
