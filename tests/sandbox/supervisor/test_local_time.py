"""Programs run in UTC on each machine, unless their policy sets another time zone."""

from pathlib import Path

import pytest

from sandbox import Command, Policy
from sandbox.backends.bubblewrap import Walls, open_bubblewrap

SHOWN = "import time; print(time.localtime(0).tm_gmtoff, open('/etc/localtime', 'rb').read() == utc)"


@pytest.mark.parametrize("walls", ["two", "one"])
@pytest.mark.parametrize(("variables", "offset_s"), [({}, 0), ({"TZ": "Asia/Tokyo"}, 9 * 3600)])
async def test_the_local_time_of_programs_is_utc_unless_the_policy_sets_another(
    walls: Walls, variables: dict[str, str], offset_s: int
) -> None:
    zones = Path("/usr/share/zoneinfo")
    if not (zones / "Asia/Tokyo").exists():
        pytest.skip("needs the system's time zones")
    source = f"utc = {(zones / 'UTC').read_bytes()!r}\n{SHOWN}"

    async with open_bubblewrap(Policy(environment=variables), walls=walls) as sandbox:
        result = await sandbox.run(Command(argv=("python", "-c", source)))

    assert result.stdout == f"{offset_s} True\n", result
