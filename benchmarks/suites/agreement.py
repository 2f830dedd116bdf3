"""Tests that compare a candidate with the canonical answer on given inputs, as evalplus compares them.

What is made here is source: it runs in the checker's sandbox, beside the canonical answer and apart from the
candidate. The special cases are those of evalplus 0.3.1, by the name of the function.
"""

from importlib.resources import files

_SETS = frozenset(
    {
        "similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly",
        "larg_nnum", "intersection_array", "find_dissimilar", "Diff",
    }
)  # fmt: skip
"""Of MBPP+: the order of what they return isn't defined."""
_NOT_NONE = frozenset({"check_str", "text_match_three", "text_starta_endb"})
"""Of MBPP+: only whether they return something is defined."""


def test_of(reference: str, *, entry_point: str, inputs: list[object], tolerance: float, mbpp: bool) -> str:
    """A `check(candidate)` over all inputs.

    Args:
        reference: the canonical module.
        inputs: lists (or tuples) of arguments: plain data, of whatever types.
        tolerance: absolute; 0 asks for equality, but for floats.
    """
    comparison = files("benchmarks.suites").joinpath("compare_source.py").read_text(encoding="utf-8")
    special = "equal"
    if mbpp and entry_point in _SETS:
        special = "sets"
    elif mbpp and entry_point in _NOT_NONE:
        special = "not_none"
    elif mbpp and entry_point in ("are_equivalent", "sum_div", "surface_Area", "digit_distance_nums"):
        special = entry_point
    elif not mbpp and entry_point == "find_zero":
        special = "find_zero"
    return (
        f"{comparison}\n\n"
        f"_reference = {{}}\nexec({reference!r}, _reference)\n"
        f"_inputs = {inputs!r}\n\n\n"
        "def check(candidate):\n"
        f"    compare_all(candidate, _reference[{entry_point!r}], _inputs, {tolerance!r}, {special!r})\n"
    )
