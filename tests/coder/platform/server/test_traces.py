"""Runs of a server at a collector of OpenTelemetry, as those of the command line."""

from pathlib import Path

import httpx2
import pytest

from tests.coder.people.cli.test_solve import ADD, SUBTRACT, TASK, code
from tests.coder.platform.server.served import configure, started
from tests.coder.platform.server.test_acts import CHECKS, ended
from tests.coder.show.traces.receiver import receiver
from tests.faulty_endpoint import faulty_endpoint, says


@pytest.mark.slow
async def test_a_served_run_is_the_same_trace_live_and_exported_also_after_a_resume(tmp_path: Path) -> None:
    (tmp_path / "root" / "project").mkdir(parents=True)
    task = {"prompt": TASK, "workspace": "project", "checks": CHECKS, "approve": ["landing"]}
    with (
        faulty_endpoint(says(code(SUBTRACT)), says(code(ADD))) as endpoint,
        receiver() as live,
        receiver() as later,
    ):
        configure(tmp_path, base_url=endpoint.url, model="toy", strategy="repair")
        with started(tmp_path, CODER_OTLP=live.url) as server:
            async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
                run = (await client.post("/runs", json=task)).json()["run_id"]
                waiting = await ended(client, run, "waiting")
                answer = {"question": waiting["question_id"], "decision": "yes"}
                await client.post(f"/runs/{run}/answers", json=answer)
                await ended(client, run, "solved")
        sent = server.console.run("export", run, "--otlp", later.url)

    assert sent.code == 0, sent.err
    assert live.spans
    live_spans, later_spans = ({one.SerializeToString() for one in each.spans} for each in (live, later))
    assert live_spans == later_spans
    assert len(live.spans) == len(live_spans)
    assert set(live.sums("gen_ai.client.token.usage")) == {"input", "output"}
