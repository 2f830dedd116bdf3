"""Cells in a Jupyter kernel inside a sandbox; they share definitions. Read kernel."""

from sandbox.kernel.kernel import Kernel, open_kernel

__all__ = ["Kernel", "open_kernel"]
