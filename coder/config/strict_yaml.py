"""Read YAML and JSON, and refuse duplicate keys, which parsers silently overwrite."""

import json

import yaml

_MERGE = "tag:yaml.org,2002:merge"
_MOST_NESTED = 100
"""Brackets inside each other: PyYAML looks at all open ones for each further token."""


def read_yaml(text: str) -> object:
    """Parse YAML. Raises ValueError, with the line: invalid YAML or a duplicate key."""
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader, too
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def read_json(text: str) -> object:
    """Parse JSON. Raises ValueError: invalid JSON or a duplicate key."""
    return json.loads(text, object_pairs_hook=_unique)


class _Loader(yaml.SafeLoader):
    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:
        if self.flow_level == _MOST_NESTED:
            problem = f"more than {_MOST_NESTED} brackets are inside each other"
            raise yaml.scanner.ScannerError(None, None, problem, self.get_mark())
        super().fetch_flow_collection_start(TokenClass)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
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


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {duplicate!r} stands there twice")
    return fields
