"""UserModels: what the user's own configuration says of models: short names, prices, and how fast to ask."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from coder.errors import UsageError
from coder.models.catalog import Catalog, Header, read_catalog
from coder.models.endpoint import Limits
from coder.models.price import Price


class UserModels(BaseModel):
    """The tables `[aliases]`, `[prices]`, `[limits]` of the user's file, and where the catalogue stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aliases: dict[str, str] = {}
    """Another name for `provider/model`."""
    prices: dict[str, Price] = {}
    """By `provider/model`; they win over every list."""
    limits: dict[str, Limits] = {}
    """By provider."""
    cache: Path | None = None
    """Folder of the catalogue; None: there is none."""

    def meant(self, name: str) -> str:
        """What a name stands for: itself, unless it is an alias; an alias may name another.

        Raises:
            UsageError: aliases that name each other in a circle.
        """
        seen = [name]
        while (name := self.aliases.get(name, name)) != seen[-1]:
            if name in seen:
                raise UsageError(f"The alias {seen[0]!r} leads back to itself: {' → '.join([*seen, name])}.")
            seen.append(name)
        return name

    def catalog(self) -> Catalog:
        """The catalogue that was last loaded; an empty one where none was."""
        return read_catalog(self.cache) if self.cache is not None else Catalog(Header(), {})
