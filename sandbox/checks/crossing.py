"""Which values may cross from a candidate to its tests."""

from sandbox.result import Value


class Crossing(Value):
    """What may cross besides plain data. A field of None allows, and reports, everything."""

    kinds: frozenset[str] | None = frozenset()
    """Kinds of references: `generator`, `coroutine`, `function`, `record`, or `object` (not verified)."""
    errors: frozenset[str] | None = frozenset()
    """Names of standard exceptions that the tests expect."""
    steps: int | None = None
    """Maximum steps of all generators together; None: no limit but time."""
    write_back: bool = False
    """Apply a call's changes to its arguments to the test's own objects."""
    changed: frozenset[str] | None = None
    """Arguments that may be changed, by position or name (`*`: in calls of other functions)."""
    uses: frozenset[str] | None = None
    """Allowed uses of the test's objects, as an earlier report lists them; then no mock is changed."""
    data_decides: bool = False
    """Never compare candidate objects by their own operators, nor set attributes on a mock."""

    def plain(self) -> dict[str, object]:
        """Return the fields as JSON-compatible data."""
        return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in self}


OPEN = Crossing(kinds=None, errors=None, write_back=True)
"""Allows everything."""
