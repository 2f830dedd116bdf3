"""Tasks of several services made for tests: a store of values over HTTP, and the app that uses it."""

import os
from pathlib import Path

from tests.benchmarks.harbor.tasks_made import PROCESS, make_task
from tests.docker_images import SMALL

HAS_PLUGIN = "CODER_DOCKER_CONFIG" in os.environ
STORE = '''\
"""GET and PUT of values by name, kept in files of /data."""
import pathlib
from http.server import BaseHTTPRequestHandler, HTTPServer

class Store(BaseHTTPRequestHandler):
    def do_GET(self):
        file = pathlib.Path("/data", self.path.strip("/"))
        self.send_response(200 if file.is_file() else 404)
        self.end_headers()
        self.wfile.write(file.read_bytes() if file.is_file() else b"")

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        pathlib.Path("/data", self.path.strip("/")).write_bytes(content)
        self.send_response(200)
        self.end_headers()

HTTPServer(("", 8000), Store).serve_forever()
'''
SERVICES = """\
services:
  main:
    depends_on:
      db: {condition: service_healthy}
    environment: {STORE: "http://db:8000"}
  db:
    build: ./db
    healthcheck:
      test: ["CMD", "python3", "-c", "import urllib.request as u; u.urlopen('http://localhost:8000/seed')"]
      interval: 0.5s
      timeout: 10s
      retries: 40
"""
ASK = "import os, urllib.request as u; print(u.urlopen(os.environ['STORE'] + '/{name}').read().decode())"
TELL = (
    "import os, urllib.request as u; "
    "u.urlopen(u.Request(os.environ['STORE'] + '/{name}', data=b'{value}', method='PUT'))"
)
READS = f'#!/bin/bash\npython3 -c "{ASK.format(name="seed")}" > /app/answer.txt\n'
READ_TEST = f"""#!/bin/bash
want=$(python3 -c "{ASK.format(name="seed")}")
if [ -n "$want" ] && [ "$(cat /app/answer.txt)" = "$want" ]; then echo 1; else echo 0; fi \\
    > /logs/verifier/reward.txt
"""
WRITES = f'#!/bin/bash\npython3 -c "{TELL.format(name="row", value="made")}"\n'
WRITE_TEST = f"""#!/bin/bash
if [ "$(python3 -c "{ASK.format(name="row")}")" = made ]; then echo 1; else echo 0; fi \\
    > /logs/verifier/reward.txt
"""


def make_services(
    folder: Path, *, services: str = SERVICES, solve: str = READS, test: str = READ_TEST, toml: str = ""
) -> Path:
    """Write a task of two services; its own solution reads a value of the store into a file."""
    task = make_task(folder, solve=solve, test=test, toml=toml)
    environment = task / "environment"
    (environment / "docker-compose.yaml").write_text(services)
    (environment / "db").mkdir(exist_ok=True)
    (environment / "db/store.py").write_text(STORE)
    (environment / "db/seed").write_text("42")
    (environment / "db/Dockerfile").write_text(
        f"FROM {SMALL}\nUSER root\nCOPY seed /data/seed\nCOPY store.py /store.py\n"
        f'CMD ["python3", "/store.py"]\nLABEL test={PROCESS}\n'
    )
    return task
