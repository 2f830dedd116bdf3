"""Given: what a prompt that is source brings along, for answers that leave it out."""

from collections.abc import Mapping

from coder.models.size import goes_on
from coder.names import defined_names, free_names, parse_source
from coder.outline import finished, missing_function, outline
from coder.state import State
from coder.target import Target


def with_givens(files: Mapping[str, str | None], state: State, target: Target) -> dict[str, str | None]:
    """The files of an answer, the target's with imports and helpers of the prompt that it uses and lacks.

    What a small model wrote until it was cut off is cut back to where it still was whole.
    """
    source = files.get(target.path)
    name = missing_function(state.task.prompt, target.names)
    if source is None or name is None or state.files:
        return dict(files)
    if goes_on(state.model) and parse_source(source) is None:
        shorter = finished(source)
        source = shorter if name in defined_names(shorter) else source
    known = outline(state.task.prompt, name)
    if known is not None and set(free_names(source)) & defined_names(known.before):
        source = f"{known.before.rstrip()}\n\n\n{source}"
    return {**files, target.path: source}
