"""From an exec to a process that waits for its job."""

from sandbox.docker.attached_stream import Attached
from sandbox.docker.boot import SINGLE, UID
from sandbox.docker.chores import to_the_end
from sandbox.docker.container import Container
from sandbox.docker.engine import plain_socket
from sandbox.docker.prepared import Prepared
from sandbox.host.limits import RunLimits
from sandbox.host.output import Stream


async def prepare(container: Container, limits: RunLimits, *, tidy: bool) -> Prepared:
    """A new process in a container, ready for its job.

    Args:
        container: a running one.
        limits: what its job may use at most.
        tidy: whether nothing else runs there, so that what earlier runs left can be removed.

    Raises:
        SandboxBroken: it could not be started.
    """
    control, engine = container.control, container.engine
    if container.broken is not None:
        raise container.broken
    group = control.hold()
    user = f"{0 if 'uid' in container.recipe.without else UID}:{group}"
    prepared: Prepared | None = None
    try:
        made = await engine.ask(
            "make a run", lambda api: api.exec_create(container.name, list(SINGLE), stdin=True, user=user)
        )
        assert made is not None
        stream = await engine.ask(
            "start a run", lambda api: plain_socket(api.exec_start(made["Id"], socket=True))
        )
        assert stream is not None
        prepared = Prepared(container, made["Id"], group, Attached(stream, _ignore, _nothing))
        await prepared.confine(limits, tidy=tidy)
    except BaseException:
        if prepared is not None:
            await to_the_end(prepared.discard())
        else:
            control.drop(group)
            control.forget(group)
        raise
    return prepared


def _ignore(stream: Stream, content: bytes) -> None:
    """Nothing is said before somebody listens."""


def _nothing() -> None:
    """Nobody waits yet."""
