"""How a repository case is judged: fixed by its own patch (`pinning.py`), before any answer is seen."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from benchmarks.verdict import Strength

Twins = dict[str, dict[int, tuple[str, ...]]]
"""Test → variant → the parameters with which it fails, as they end its node id; empty for a test without."""


GUESS = 1e-3
"""How likely it may be, at most, that who tells twins from tests by chance passes."""


class RepositoryMode(BaseModel):
    """How a case is judged.

    apart: pytest and tests in one sandbox, the package in another.
    decoyed: in one process, among twins that must fail; and those tests apart, too, which can be.
    plain: in one process.
    broken: the case's own patch doesn't pass, or the base does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["isolated", "decoyed", "plain", "broken"]
    nodes: tuple[str, ...] = ()
    """Node ids that have to pass."""
    whole: tuple[str, ...] = ()
    """Files all of whose tests have to pass, where nothing tells which there are."""
    needed: tuple[str, ...] = ()
    """Those of the nodes that the base doesn't pass: only a right patch, or a cheat, does."""
    rounds: int = 1
    """Judgements among fresh twins, until a blind guess is below `GUESS`."""
    apart: tuple[str, ...] = ()
    """Those of the nodes which an answer has to pass apart from it, too, where not all can be decided so."""
    uses: frozenset[str] | None = None
    """What the case's own patch does with the tests' objects, apart from them: others may do no more."""
    plugins: bool = False
    """The plugins beside pytest are loaded: the case needs them."""
    twins: dict[str, Twins] = {}
    """By file: the twins that fail with the case's own patch."""
    seen: dict[str, dict[str, dict[int, str]]] = {}
    """By file, test and variant: what the case's own patch gives for other inputs (`consistent_twins.py`)."""
    tripped: frozenset[str] = frozenset()
    """Alarms that the case's own patch sets off: they don't count."""
    reason: str = ""
    """Why it isn't stronger."""

    @property
    def strength(self) -> Strength:
        """How strong verdicts are that come of it."""
        return "strong" if self.how == "isolated" else "decoyed" if self.how == "decoyed" else "weak"

    @property
    def files(self) -> list[str]:
        """Test files, in order."""
        return files_of(self.nodes) or list(self.whole)

    def needed_names(self, path: str) -> frozenset[str]:
        """Qualified names of the tests of one file that have to be won."""
        return frozenset(name_of(node) for node in self.needed if node.partition("::")[0] == path)

    def nodes_of(self, path: str) -> set[str]:
        """Node ids of one file."""
        return {node for node in self.nodes if node.partition("::")[0] == path}


def name_of(node: str) -> str:
    """Qualified name of a node's test, such as `TestF::test_g`."""
    return node.partition("::")[2].partition("[")[0]


def files_of(nodes: Iterable[str]) -> list[str]:
    """The files of nodes, in order."""
    return sorted({node.partition("::")[0] for node in nodes})
