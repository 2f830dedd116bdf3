"""The child process of LocalModel: llama.cpp's OpenAI-compatible server on a loopback port.

It is started as a file, not as a module, so that it doesn't import coder. The first line of stdin
is a JSON object with the settings (a key on a command line could be read by other users); the first line of
stdout is the address once the weights are loaded. The server ends when stdin ends, as its owner is gone.
"""

import json
import os
import select
import signal
import sys
from typing import Any


def main() -> None:
    """Serve until stdin ends."""
    settings = json.loads(sys.stdin.readline())
    _end_with_owner()
    # llama.cpp logs to descriptor 1, so the address is written to another descriptor.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    server = _start(settings)
    try:
        with answer:
            answer.write(json.dumps({"url": server.listening_address}) + "\n")
    except BrokenPipeError:
        os._exit(0)  # the owner is gone; a normal exit would wait for the server's threads forever
    while sys.stdin.buffer.read(4096):
        pass
    # Nobody reads an unfinished answer any more, so there is nothing to wait for.
    os._exit(0)


def _end_with_owner() -> None:
    """Let the kernel end this process when stdin ends, because no Python runs while llama.cpp loads."""
    if sys.platform == "win32":
        return
    import fcntl  # doesn't exist on Windows

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:
        os._exit(0)  # stdin was closed before


def _start(settings: dict[str, Any]) -> Any:  # noqa: ANN401  (xllamacpp has no types)
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings["path"]
    parameters.n_ctx = settings["context"]
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = settings["threads"]
    parameters.cpuparams_batch.n_threads = settings["prompt_threads"]
    parameters.fit_params = settings["fit"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [settings["key"]]
    parameters.ui = False
    parameters.endpoint_slots = False
    # Equal prompts must give equal answers, independent of earlier requests.
    parameters.cache_prompt = False
    parameters.cache_ram_mib = 0
    return xllamacpp.Server(parameters)


if __name__ == "__main__":
    main()
