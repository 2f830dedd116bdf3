"""`coder bench run --ray`: nodes call the model with the key and budget of the driver. See test_ray."""

import json
import os
import subprocess
from typing import Any

import pytest

from tests.benchmarks.executors.test_ray import LOOPBACK, ROOT

pytestmark = pytest.mark.foreign
ALL_PASS = [[f"c/{number}", "passed", "strong"] for number in range(4)]

if "CODER_RAY_PYTHON" in os.environ:

    @pytest.fixture(scope="module")
    def printed() -> Any:
        command = [*LOOPBACK, os.environ["CODER_RAY_PYTHON"], "-m", "tests.benchmarks.executors.bench_in_ray"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=350, check=False)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return json.loads(ended.stdout.splitlines()[-1])

    @pytest.mark.slow
    def test_nodes_call_the_model_with_the_drivers_key_and_their_answers_are_judged(printed: Any) -> None:
        assert printed["whole"]["code"] == 0, printed["whole"]
        assert printed["whole"]["verdicts"] == ALL_PASS
        assert printed["keys"] == ["Bearer sk-of-the-driver-1234567890"]

    @pytest.mark.slow
    def test_the_key_is_in_no_log_of_ray_or_coder(printed: Any) -> None:
        assert printed["leaks"] == []

    @pytest.mark.slow
    def test_a_limit_of_cost_holds_to_the_last_call_of_all_nodes_and_more_goes_on(printed: Any) -> None:
        # A call may give 16 tokens, $0.0016 at $100 a million, and gives them: the limit has room for one.
        limited, more = printed["limited"], printed["more"]

        assert (limited["code"], limited["at once"]) == (3, 1), limited
        assert limited["calls"] == len(limited["verdicts"]) < 4
        assert (more["code"], more["calls"], more["verdicts"]) == (0, 4, ALL_PASS), more
        assert more["cost"] == pytest.approx(0.0064)

    @pytest.mark.slow
    def test_the_call_of_a_lost_node_counts_as_it_was_reserved(printed: Any) -> None:
        assert printed["killed"] == 2
        assert (printed["lost"]["code"], printed["lost"]["calls"]) == (3, 1), printed["lost"]

    @pytest.mark.slow
    def test_what_nodes_have_spent_and_reserved_is_said_at_the_limit(printed: Any) -> None:
        # An answer of 16 tokens costs $0.0016; the call of a lost node has reserved all that was free.
        assert "$0.0016 of $0.0025 are spent" in printed["limited"]["err"]
        assert "$0.41 of $0.50 are spent" in printed["lost"]["err"]

    @pytest.mark.slow
    def test_the_report_alone_is_on_stdout_while_ray_tells_of_a_lost_node(printed: Any) -> None:
        assert (printed["lost"]["lines"], "A worker died" in printed["lost"]["err"]) == (1, True)
