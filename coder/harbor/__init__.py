"""coder as an agent of Harbor: `harbor run -p TASKS -a coder.harbor:Agent -m openai/gpt-5`.

Harbor imports this module into its own environment, where coder's dependencies aren't needed (and litellm
pins another openai): `pip install --no-deps coder-agent`. In the container of each task coder is installed
into a virtual environment, and works in place. Written for Harbor 0.26's `BaseInstalledAgent`.
"""

import json
import shlex
from pathlib import Path
from typing import Annotated, ClassVar

from harbor.agents.agent_auth_resolution import ModelConnectionSpec
from harbor.agents.capabilities import AgentCapabilities
from harbor.agents.installed.base import BaseInstalledAgent, with_prompt_template
from harbor.agents.options import Cli, InstalledAgentOptions
from harbor.environments.base import BaseEnvironment
from harbor.models.agent.context import AgentContext
from harbor.models.model_api_format import ModelApiFormat
from pydantic import Field

_FOLDER = "/installed-agent/coder"
_WHEELS = "/installed-agent/coder-wheels"
_CODER = f"{_FOLDER}/bin/coder"
_FITS = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))"
_JUDGED = "0|1|3|6|8|9"
"""Exit codes of runs that ended without an error, solved or not, so that the task's tests judge them."""
_TRAJECTORY = "trajectory.json"
_APIS = {
    ModelApiFormat.OPENAI_CHAT_COMPLETIONS: "chat",
    ModelApiFormat.OPENAI_RESPONSES: "responses",
    ModelApiFormat.ANTHROPIC_MESSAGES: "messages",
}
"""The values of `--api`, by Harbor's names of the protocols."""


class AgentOptions(InstalledAgentOptions):
    """What `--ak NAME=VALUE` sets."""

    wheels: Path | None = Field(
        default=None, description="Folder of wheels to install coder from, without a package index."
    )
    reasoning_effort: Annotated[str | None, Cli("--effort")] = Field(
        default=None, description="How much the model reasons: low, medium or high."
    )
    max_cost: Annotated[float | None, Cli("--max-cost")] = Field(
        default=None, description="Cost of all calls for one task, in US dollars."
    )
    max_calls: Annotated[int | None, Cli("--max-calls")] = Field(
        default=None, description="Model calls for one task."
    )
    timeout: Annotated[float | None, Cli("--timeout")] = Field(
        default=None, description="Seconds of one run; less than the task's own limit."
    )
    price: Annotated[str | None, Cli("--price")] = Field(
        default=None, description="US dollars per million input and output tokens, as IN,OUT."
    )


class Agent(BaseInstalledAgent):
    """Installs coder in a task's container and has it work there in place."""

    capabilities = AgentCapabilities(atif=True, base_url=True, reasoning_effort=True)
    options_model = AgentOptions
    options: AgentOptions
    MODEL_CONNECTION: ClassVar[ModelConnectionSpec] = ModelConnectionSpec(supported_api_formats=[*_APIS])

    @staticmethod
    def name() -> str:
        """Return the agent's name in Harbor's results."""
        return "coder"

    def get_version_command(self) -> str:
        """Return the command that prints the installed version."""
        return f"{_FOLDER}/bin/python -c 'import importlib.metadata as m; print(m.version(\"coder-agent\"))'"

    async def install(self, environment: BaseEnvironment) -> None:
        """Install coder with a Python of 3.11 or newer. Raises RuntimeError if there is none."""
        check = f"python3 -c {shlex.quote(_FITS)}"
        if (await environment.exec(command=check, user="root")).return_code != 0:
            await self.ensure_system_dependencies(environment, ("python3", "python_venv"))
            if (await environment.exec(command=check, user="root")).return_code != 0:
                raise RuntimeError(
                    "coder needs Python 3.11 or newer with venv in the task's image, and the image's "
                    "package manager has none. Have the model act from outside: coder bench run harbor:TASKS"
                )
        source = ""
        if self.options.wheels is not None:
            await environment.upload_dir(self.options.wheels, _WHEELS)
            source = f"--no-index --find-links {_WHEELS} "
        package = "coder-agent" + (f"=={self._version}" if self._version else "")
        await self.exec_as_root(
            environment,
            command=f"python3 -m venv {_FOLDER} && {_FOLDER}/bin/pip install --quiet {source}{package}",
        )

    @with_prompt_template
    async def run(self, instruction: str, environment: BaseEnvironment, context: AgentContext) -> None:
        """Run coder on the task in place, and export its trajectory. Raises NonZeroAgentExitCodeError."""
        if not self.model_name:
            raise ValueError("coder needs a model: harbor run -m PROVIDER/MODEL")
        connection, logs = self.model_connection, self.environment_logs_dir
        model, base_url = self.model_name, connection.user_supplied_base_url
        flags = [self.build_cli_flags()]
        if base_url is not None and connection.provider == "openai":  # an endpoint has names of its own
            model = model.removeprefix("openai/")
            flags += ["--base-url", shlex.quote(base_url)]
        if (api := _APIS.get(connection.model_api_format)) is not None:
            flags += ["--api", api]
        flags += ["-m", shlex.quote(model)]
        solve = (
            f"{_CODER} solve --in-place --no-test --strategy act --accept-unverified --yes {' '.join(flags)} "
            f"-- {shlex.quote(instruction)} ."
        )
        await self.exec_as_agent(
            environment,
            command=(
                f"{solve} < /dev/null 2>&1 | tee {logs}/coder.txt; code=$?; "
                f"{_CODER} export --atif > {logs}/{_TRAJECTORY}; "
                f"case $code in {_JUDGED}) ;; *) exit $code ;; esac"
            ),
            env={**connection.env, "XDG_DATA_HOME": str(logs)},
        )

    def populate_context_post_run(self, context: AgentContext) -> None:
        """Read tokens and cost from the trajectory."""
        try:
            metrics = json.loads((self.logs_dir / _TRAJECTORY).read_text())["final_metrics"]
        except (OSError, ValueError, KeyError):  # ended before anything was exported
            return
        context.n_input_tokens = metrics["total_prompt_tokens"]
        context.n_output_tokens = metrics["total_completion_tokens"]
        context.n_cache_tokens = metrics["total_cached_tokens"]
        context.cost_usd = metrics.get("total_cost_usd")
