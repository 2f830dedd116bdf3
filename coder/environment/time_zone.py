"""Find the time zone in which programs of this machine run."""

import os
from collections.abc import Mapping
from pathlib import Path

_ZONES = "zoneinfo/"
"""End of the folder in which each system keeps its time zones."""


def find_time_zone(environ: Mapping[str, str], *, localtime: Path = Path("/etc/localtime")) -> dict[str, str]:
    """Return TZ with the machine's time zone, or nothing where it is UTC, as in a sandbox, or not known.

    TZ is taken as it is set, unless it names a file. Otherwise the zone is the one to which `localtime` is
    a symbolic link; a copy of a zone's data has no name.

    Source: IEEE Std 1003.1 (POSIX), 8.3 "Other Environment Variables", TZ; localtime(5) of systemd.
    """
    if "TZ" in environ:
        zone = environ["TZ"].removeprefix(":")
        return {} if zone in ("", "UTC") or zone.startswith("/") else {"TZ": zone}
    try:
        target = os.readlink(localtime)
    except OSError:  # there is none, or it is a copy
        return {}
    _, found, zone = target.rpartition(_ZONES)
    return {"TZ": zone} if found and zone.removeprefix("Etc/") != "UTC" else {}
