"""Pages of the flows that the operator has named: their steps, their latest runs, and a form to begin one."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import JsonValue

from coder.engine.requests import ListedRun
from coder.platform.served_flows import ListedFlow
from coder.platform.server.problems import Problem
from coder.platform.server.run_acts import NewFlow, begin_flow, visible_state
from coder.platform.server.run_routes import Reads, Works
from coder.platform.server.serving import Caller, Serving
from coder.platform.server.studio.rendering import page
from coder.platform.server.studio.schema_form import fields_of, value_of
from coder.platform.server.studio.task_form import folders_below

_SEARCHED_RUNS, _LISTED_RUNS = 200, 10
"""Number of the caller's newest runs that are looked through for those of a flow, and of those shown."""


def add_flow_pages(router: APIRouter, serving: Serving) -> None:
    """Add the pages; call this before the pages of runs are added, as they share these addresses."""

    @router.get("/studio/flows")
    async def flows(caller: Reads, name: str = "", again: str = "") -> Response:
        listed = serving.flows.listed()
        if not name:
            return page("flows", "Flows", flows=listed, flow=None)
        flow = _named(listed, name)
        state = await visible_state(serving, caller, again) if again else None
        fields, folder = [], "."
        if state is not None and state.flow is not None and state.flow.flow == flow.flow:
            fields = fields_of(flow.input, state.flow.input) if flow.input is not None else []
            folder = str(state.task.workspace or folder)
        elif flow.input is not None:
            fields = fields_of(flow.input)
        return page(
            "flows",
            name,
            tab=f"Flow {name}",
            flow=flow,
            fields=fields,
            folder=folder,
            folders=[*folders_below(caller.root)],
            rows=await _runs_of(serving, caller, flow),
            may_begin="run" in caller.scopes,
        )

    @router.post("/studio/flows/{name}")
    async def begin(name: str, texts: dict[str, str], caller: Works) -> Response:
        flow = _named(serving.flows.listed(), name)
        value: JsonValue = value_of(flow.input, texts) if flow.input is not None else None
        new_flow = NewFlow(input=value, workspace=texts.get("folder") or ".")
        return JSONResponse({"run_id": await begin_flow(serving, caller, name, new_flow)})


def _named(listed: list[ListedFlow], name: str) -> ListedFlow:
    flow = next((flow for flow in listed if flow.name == name), None)
    if flow is None:
        reason = "The operator has named no such one."
        raise Problem(404, f"There is no flow {name!r}.", reason, "See: /studio/flows")
    return flow


async def _runs_of(serving: Serving, caller: Caller, flow: ListedFlow) -> list[ListedRun]:
    rows = await serving.rows.newest(caller, _SEARCHED_RUNS)
    own = [row for row in rows if row.kind == "flow" and row.task == f"Flow {flow.flow}"]
    return own[:_LISTED_RUNS]
