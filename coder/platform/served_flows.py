"""Flows that a server's operator has named: the only flows that clients may begin and continue."""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, cast, get_type_hints

from pydantic import BaseModel, JsonValue

from coder.base.errors import UsageError
from coder.config.imported_files import imported_files
from coder.config.layers import Loaded, load
from coder.engine.options import Options
from coder.engine.requests import check_text
from coder.flows.children import OpenModel
from coder.flows.drive import resume_flow, run_flow
from coder.flows.named_flow import FlowFunction, flow_named, steps_in_code
from coder.run.model_choice import asked_of, open_models
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.watch import Watch
from coder.show.client_runs import Runs
from coder.show.client_watch import ClientWatch
from coder.show.workers import Workers


class ListedFlow(BaseModel, frozen=True):
    """A flow that clients may begin."""

    name: str
    """Name of the function."""
    flow: str
    """MODULE:FUNCTION, which the log names."""
    description: str
    input: dict[str, Any] | None
    """JSON Schema of the input; None: the flow takes none."""
    output: dict[str, Any]
    steps: list[str]
    """Verb and name of each step in the function's own code, in its order."""


class ServedFlows:
    """The flows of one server, by the name of the function."""

    def __init__(self, flows: Mapping[str, FlowFunction]) -> None:
        self._flows = flows

    @property
    def names(self) -> Sequence[str]:
        """Names of the functions."""
        return [*self._flows]

    def named(self, name: str) -> FlowFunction:
        """Return a flow. Raises UsageError if the operator has named no such function."""
        if (flow := self._flows.get(name)) is None:
            offered = ", ".join(self._flows) or "none"
            raise UsageError(f"This server doesn't offer the flow {name!r}. It offers: {offered}.")
        return flow

    def offers(self, name: str) -> bool:
        """Return whether a flow, MODULE:FUNCTION, is named."""
        return any(flow.name == name for flow in self._flows.values())

    def module_below(self, folder: Path) -> str | None:
        """Return the name of a flow whose module, or one that it imports, lies in a folder; or None."""
        for name, flow in self._flows.items():
            file = inspect.getsourcefile(flow.function)
            if file is None:
                continue
            package = flow.function.__module__.count(".")
            place = [*Path(file).resolve().parents][package]
            files = {Path(file).resolve()} | imported_files([Path(file)], place)
            if any(each.is_relative_to(folder) for each in files):
                return name
        return None

    def listed(self) -> list[ListedFlow]:
        """Return what clients need to begin the flows."""
        rows = []
        for name, flow in self._flows.items():
            rows.append(
                ListedFlow(
                    name=name,
                    flow=flow.name,
                    description=inspect.getdoc(flow.function) or "",
                    input=flow.input_schema(),
                    output=flow.signature.result.json_schema(mode="serialization"),
                    steps=steps_in_code(flow.function),
                )
            )
        return rows


class FlowRuns(Runs):
    """Runs of clients, including runs of the flows that the operator has named."""

    def __init__(
        self,
        root: Path,
        workers: Workers | None = None,
        *,
        flows: ServedFlows | None = None,
        client: str | None = None,
        waits: bool = True,
        traces: Watch | None = None,
    ) -> None:
        """Work below a folder; other arguments are those of `Runs`."""
        super().__init__(root, workers, client=client, waits=waits, traces=traces)
        self.flows = flows or ServedFlows({})

    def can_run(self, state: State) -> bool:
        """Return whether this is a run of a task, or of a flow that the operator has named."""
        return super().can_run(state) or (state.flow is not None and self.flows.offers(state.flow.flow))

    async def begin_flow(
        self,
        name: str,
        document: JsonValue,
        path: str,
        client: ClientWatch,
        *,
        run: str | None = None,
        request: str | None = None,
    ) -> Run:
        """Run a flow for a client.

        Args:
            document: the input as JSON.
            path: folder below the root, where the flow's checks and tasks work.
            run, request: as of `Runs.solve`.

        Raises:
            UsageError: no such flow or folder, or the input doesn't fit the flow's type; nothing was logged.
        """
        flow, folder = self.flows.named(name), self.below(path)
        check_text(document)
        value = flow.read(document)
        loaded = load(workspace=folder)
        for note in loaded.notes:
            client.note(note)
        settings = self.own_settings(loaded.config.settings(), loaded, run=run, request=request)

        async def work(options: Options) -> Run:
            merged = cast(Options, {**options, "settings": settings, "run_id": run})
            open_model = _opening(loaded, settings, client)
            return await run_flow(flow.function, value, folder=folder, open_model=open_model, **merged)

        return await self.run_watched(loaded, nullcontext(), client, work)

    async def go_on(self, state: State, client: ClientWatch) -> Run:
        """Continue a run, or a flow with its own settings and the operator's models (see `Runs.go_on`)."""
        if state.flow is None:
            return await super().go_on(state, client)
        self.require_own(state)
        flow = self.flows.named(state.flow.flow.rpartition(":")[2])
        loaded = load(workspace=state.task.workspace)
        for note in loaded.notes:
            client.note(note)
        open_model = _opening(loaded, state.settings, client)
        return await self.run_watched(
            loaded,
            nullcontext(),
            client,
            lambda options: resume_flow(state.run, flow.function, open_model=open_model, **options),
        )

    async def reply(self, state: State, text: str, client: ClientWatch) -> Run:
        """Work on a message (see `Runs.reply`). Raises UsageError for a flow: flows take no messages."""
        if state.flow is not None:
            raise UsageError(f"{state.run} is a flow: a function reads no messages. Begin another one.")
        return await super().reply(state, text, client)


def input_type(flow: FlowFunction) -> Any:  # noqa: ANN401 - an annotation
    """Return the annotation of a flow's input; None: it takes none."""
    if (name := next(iter(flow.signature.parameters), None)) is None:
        return None
    return get_type_hints(flow.function, include_extras=True)[name]


def load_flows(names: Sequence[str], root: Path) -> ServedFlows:
    """Import flows, MODULE:FUNCTION, from the server's folder or installed packages.

    Raises:
        UsageError: one can't be imported, isn't a flow, or two functions have the same name.
    """
    flows: dict[str, FlowFunction] = {}
    for text in names:
        flow = flow_named(text, root)
        name = flow.name.rpartition(":")[2]
        if name in flows:
            raise UsageError(f"--flow: {flows[name].name} and {flow.name} have the same name for clients.")
        flows[name] = flow
    return ServedFlows(flows)


def _opening(loaded: Loaded, settings: Settings, client: ClientWatch) -> OpenModel:
    """Return what opens the operator's model, at the first step that needs it."""
    return partial(
        open_models,
        loaded.config.models() if loaded.config.models().model is not None else asked_of(settings),
        settings,
        note=client.note,
        book=loaded.book,
        must_know_price=loaded.cost_was_asked,
    )
