"""Read YAML and JSON, and refuse duplicate keys, which parsers silently overwrite."""

import json
from collections import Counter

import yaml

_MERGE = "tag:yaml.org,2002:merge"
_MOST_NESTED = 100
"""Maximum nesting of brackets: for each token, PyYAML looks at each bracket that opened shortly before."""
_MOST_MERGED = 10_000
"""Maximum keys of all mappings after merging, plus two for each character, as aliases multiply keys."""


class DuplicateKey(ValueError):
    """A key stands twice in an object of JSON."""


def read_yaml(text: str | bytes, *, as_texts: bool = False) -> object:
    """Parse YAML. Raises ValueError, with the line, for invalid YAML or a duplicate key.

    Args:
        as_texts: whether plain values such as `yes`, `1.10` or `2024-01-01` stay the texts that they are.
    """
    try:
        return yaml.load(text, Loader=_TextLoader if as_texts else StrictLoader)  # both are a SafeLoader, too
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    except (ArithmeticError, AttributeError, LookupError) as error:  # as of `!!int ''`
        raise ValueError(f"a value isn't of the type that it names: {error}") from error


def read_json(text: str) -> object:
    """Parse JSON. Raises ValueError for invalid JSON, DuplicateKey among them."""
    return json.loads(text, object_pairs_hook=_unique)


class StrictLoader(yaml.SafeLoader):
    """PyYAML's loader of plain data that refuses duplicate keys and documents that are slow to load."""

    def __init__(self, stream: str | bytes) -> None:
        super().__init__(stream)
        self._keys_left = _MOST_MERGED + 2 * len(stream)

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:
        """Open a bracket. Raises ScannerError if too many are open."""
        if self.flow_level == _MOST_NESTED:
            problem = f"more than {_MOST_NESTED} brackets are inside each other"
            raise yaml.scanner.ScannerError(None, None, problem, self.get_mark())
        super().fetch_flow_collection_start(TokenClass)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what `<<` names into a mapping. Raises ConstructorError if there are too many keys."""
        super().flatten_mapping(node)
        self._keys_left -= len(node.value)
        if self._keys_left < 0:
            raise yaml.constructor.ConstructorError(None, None, "too many keys are merged", node.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        """Make a dictionary. Raises ValueError if a key occurs twice."""
        lines: dict[str, int] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                raise ValueError(
                    f"line {line}: the key {key.value!r} stands in line {lines[key.value]} already"
                )
            lines[key.value] = line
        return super().construct_mapping(node, deep=deep)


class _TextLoader(StrictLoader):
    """A loader that takes no type from how a value looks, as StrictYAML doesn't; `<<` merges."""


_TextLoader.yaml_implicit_resolvers = {"<": StrictLoader.yaml_implicit_resolvers["<"]}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate, _ = Counter(names).most_common(1)[0]
        raise DuplicateKey(f"the key {duplicate[:100]!r} stands there twice")
    return fields
