"""`coder solve --in-place` in a container of Docker, where coder is installed from its wheel."""

import subprocess
import sys
import uuid
from collections.abc import Iterator

import docker
import pytest

from tests.docker_engine import IMAGE
from tests.faulty_endpoint import calls, faulty_endpoint, unused_port
from tests.ordinary_user import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("docker_engine")]
DOCKERFILE = f"""\
FROM {IMAGE}
USER root
COPY wheels /wheels
# Only the modules that a run loads are compiled. The second installation links to the files of the first.
# Its interpreter is below root's home, which others can't read, as after `uv tool install` by root.
RUN python3 -m venv --without-pip /opt/coder \\
    && python3 -m pip --python /opt/coder/bin/python install --no-index --no-compile --find-links /wheels \\
        coder-agent \\
    && /opt/coder/bin/python -c 'import coder.engine.loop, coder.people.cli.solve_run, openai' \\
    && useradd --create-home worker && mkdir /app && chown worker /app \\
    && mkdir -p /root/python/bin /root/python/lib \\
    && tar -C /usr/lib --exclude test -c $(cd /usr/lib; echo python3*) | tar -C /root/python/lib -x \\
    && cp "$(readlink -f /usr/bin/python3)" /root/python/bin/python3 \\
    && /root/python/bin/python3 -m venv --without-pip /root/tool && chmod 700 /root \\
    && cp -rl /opt/coder/lib/python3*/site-packages /root/tool/lib/python3*/ \\
    && sed 's,^#!.*,#!/root/tool/bin/python3,' /opt/coder/bin/coder > /root/tool/bin/coder \\
    && chmod 755 /root/tool/bin/coder
WORKDIR /app
"""
PACKAGE = """\
mkdir -p /tmp/p/DEBIAN /tmp/p/usr/bin
printf 'Package: greeter\\nVersion: 1\\nArchitecture: all\\n' > /tmp/p/DEBIAN/control
printf 'Maintainer: A <a@b.org>\\nDescription: Greets\\n' >> /tmp/p/DEBIAN/control
printf '#!/bin/sh\\necho hello\\n' > /tmp/p/usr/bin/greeter && chmod 755 /tmp/p/usr/bin/greeter
dpkg-deb --build /tmp/p /tmp/greeter.deb && apt-get install --yes /tmp/greeter.deb
greeter > /etc/greeting
"""
ADD = "printf 'def add(a, b):\\n    return a + b\\n' > add.py"
ASK = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image with coder, installed as a user does."""
    context, tag = tmp_path_factory.mktemp("image"), f"coder-test-in-place:{uuid.uuid4().hex[:8]}"
    wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-build-isolation",
        "--wheel-dir",
        str(context / "wheels"),
    ]
    subprocess.run([*wheel, str(REPOSITORY)], check=True)
    (context / "Dockerfile").write_text(DOCKERFILE)
    client = docker.from_env()
    client.images.build(path=str(context), tag=tag, rm=True, network_mode="none")
    yield tag
    client.images.remove(tag, force=True)


def solved(image: str, user: str, coder: str, script: str, after: str) -> str:
    """What a shell prints after a run in the same container, and what coder printed before."""
    check = "--check 'import add; assert add.add(1, 2) == 3'"
    solve = f"{coder} solve 'Write add, and serve it.' . --in-place -m toy {check}"
    with faulty_endpoint(calls("bash", command=script), calls("done", summary="Done.")) as endpoint:
        command = f"{solve} --base-url {endpoint.url} || exit $?; echo == after; {after}"
        run = ["docker", "run", "--rm", "--network", "host", "--user", user, image, "sh", "-c", command]
        ended = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.partition("== after\n")[2]


@pytest.mark.parametrize("coder", ["/opt/coder/bin/coder", "/root/tool/bin/coder"])
def test_root_installs_a_package_changes_the_system_and_leaves_a_service(image: str, coder: str) -> None:
    port = unused_port()
    serve = f"cd /etc && nohup python3 -m http.server {port} > /dev/null 2>&1 &"
    waits = f"until python3 -c '{ASK}' http://127.0.0.1:{port}/greeting; do sleep 0.1; done 2> /dev/null"

    output = solved(
        image, "root", coder, f"set -e\n{PACKAGE}\n{ADD}\n{serve}\n{waits}", f"greeter; {waits}; ls /app"
    )

    assert output.split() == ["hello", "hello", "add.py"]


def test_an_ordinary_user_works_outside_of_the_folder_and_leaves_a_service(image: str) -> None:
    port = unused_port()
    serve = f"cd ~ && setsid python3 -m http.server {port} > log 2>&1 < /dev/null &"
    waits = f"until python3 -c '{ASK}' http://127.0.0.1:{port}/made; do sleep 0.1; done 2> /dev/null"

    output = solved(
        image,
        "worker",
        "/opt/coder/bin/coder",
        f"{ADD}; id -un > ~/made; touch /etc/made; {serve}\n{waits}",
        f"{waits}; ls /etc/made 2> /dev/null; ls /app",
    )

    assert output.split() == ["worker", "add.py"]
