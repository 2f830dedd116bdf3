"""Pages that show and edit the operator's teams, which are saved as the TOML files that `--team` reads."""

import json
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from coder.base.errors import MachineError, UsageError
from coder.base.fs.atomic_replace import replacing
from coder.base.fs.private_folder import private_folder
from coder.base.fs.safe_open import read_named
from coder.base.text.sanitize import printable
from coder.base.text.strict_toml import parse_toml
from coder.config.layers import load
from coder.engine.participants.member import Member
from coder.engine.requests import check_text
from coder.engine.teams.named_team import TEAM_NAME, checked_team, load_team, team_folder, team_names
from coder.engine.teams.spec import TeamSpec
from coder.platform.server.documents import RequestBody
from coder.platform.server.problems import Problem
from coder.platform.server.run_routes import Reads, Works
from coder.platform.server.serving import Caller
from coder.platform.server.studio.rendering import page
from coder.show.known_models import known_models

_MAX_MEMBERS, _MAX_BYTES = 8, 64 << 10
"""Number of members in the form, and bytes of a team's file."""
Kind = Literal["round-robin", "selector", "handoff", "orchestrated"]
KINDS: dict[Kind, str] = {
    "round-robin": "the next in order",
    "selector": "the one that a model names",
    "handoff": "the one that the last speaker names",
    "orchestrated": "the one that a plan names",
}
"""Rules of who speaks next, for teams of plain members; other teams are written as TOML."""


class TeamText(RequestBody):
    """A team as TOML."""

    name: str
    toml: str = Field(max_length=_MAX_BYTES)


class TeamFields(BaseModel, frozen=True, extra="allow"):
    """A team as the form's fields; those of members end with `-NUMBER`."""

    name: str
    kind: Kind = "round-robin"
    stop: str = ""

    def toml(self) -> str:
        """Return the team as TOML, without empty fields."""
        fields = {"kind": self.kind, "stop": self.stop}
        blocks = [_lines({name: text for name, text in fields.items() if text})]
        extra = self.model_extra or {}
        for number in range(_MAX_MEMBERS):
            member = {key: str(extra.get(f"{key}-{number}", "")) for key in ("name", "brief", "model")}
            if member["name"].strip():
                present = {key: text for key, text in member.items() if text.strip()}
                blocks.append(f"[[members]]\n{_lines(present)}")
        return "\n".join(blocks)


def _lines(fields: dict[str, str]) -> str:
    # A JSON string is a TOML string, except for DEL, which TOML wants escaped.
    texts = {name: json.dumps(text.strip(), ensure_ascii=False) for name, text in fields.items()}
    return "".join(f"{name} = {text}\n" for name, text in texts.items()).replace("\x7f", "\\u007f")


def add_team_pages(router: APIRouter) -> None:
    """Add the pages."""

    @router.get("/teams")
    async def teams(caller: Reads, name: str = "") -> Response:
        loaded = load()
        may_edit = caller.client is None and "run" in caller.scopes
        names, shown_team, problem, text = team_names(loaded), None, "", ""
        if name and "run" not in caller.scopes:  # briefs are prompts of the operator's
            raise Problem(403, "The token may not see teams.", "It lacks the scope run.", "Ask the operator.")
        is_file = bool(TEAM_NAME.fullmatch(name)) and name not in loaded.teams
        if name and is_file and (file := _file_of(name)).exists():
            text = printable(read_named(file, limit=_MAX_BYTES).decode("utf-8", "replace"))
        if name in names:
            try:
                shown_team = load_team(name, loaded, reads_paths=False)
            except UsageError as error:  # somebody has edited the file
                problem = str(error)
        team, stop = shown_team or (None, None)
        return page(
            "teams",
            name or "Teams",
            tab=f"Team {name}" if name else "",
            names=names,
            team_name=name,
            text=text,
            problem=problem,
            is_configured=name in loaded.teams,
            may_edit=may_edit,
            members=_flat_members(team),
            kind=team.kind if team is not None else "round-robin",
            stop=stop.text if stop is not None else "",
            kinds=KINDS,
            rows=range(_MAX_MEMBERS),
            models=[*dict.fromkeys(known_models(loaded))],
        )

    @router.post("/studio/teams/fields")
    async def save_fields(fields: TeamFields, caller: Works) -> Response:
        return _save(caller, fields.name, fields.toml())

    @router.post("/studio/teams/toml")
    async def save_text(team: TeamText, caller: Works) -> Response:
        return _save(caller, team.name, team.toml.replace("\r\n", "\n"))


def _flat_members(team: TeamSpec | None) -> list[Member] | None:
    """Return the members that the form can show; None if it can't show all of the team."""
    if team is None:
        return []
    members = [node for node in team.members if isinstance(node, Member)]
    is_plain = all(member.tools is None and member.acts is None for member in members)
    is_whole = len(members) == len(team.members) <= _MAX_MEMBERS and team.kind in KINDS
    return members if is_plain and is_whole else None


def _file_of(name: str) -> Path:
    return team_folder() / f"{name}.toml"


def _save(caller: Caller, name: str, toml: str) -> Response:
    """Write a team's file. Raises Problem (not permitted), UsageError (invalid team), MachineError."""
    if caller.client is not None:
        reason = "Teams are files of the server's operator."
        raise Problem(403, "The token may not change teams.", reason, "Ask the operator.")
    if not TEAM_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a team. Use small letters, digits, - and _.")
    if name in load().teams:
        raise UsageError(
            f"[teams.{name}] of your configuration has this name. Take another, or edit it there."
        )
    check_text(toml)
    try:
        table = parse_toml(toml)
    except ValueError as error:
        raise UsageError(f"This isn't TOML: {error}.") from error
    checked_team(table, name)
    try:
        private_folder(team_folder())
        with replacing(_file_of(name)) as file:
            file.write(toml.encode())
    except OSError as error:
        raise MachineError(f"{_file_of(name)} can't be written: {error.strerror}.") from error
    return JSONResponse({"name": name})
