"""What to say where there is no ipykernel."""

from sandbox.contract import Sandbox
from sandbox.interpreter import describe
from sandbox.policy import Policy


def install_command(sandbox: Sandbox, policy: Policy) -> str:
    """The command that gives the sandbox's interpreter a kernel."""
    if sandbox.backend == "docker":
        return "coder sandbox build"
    return f"{describe(policy.python).path} -m pip install ipykernel jupyter_client"
