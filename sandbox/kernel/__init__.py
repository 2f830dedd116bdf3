"""Cells in a Jupyter kernel inside a sandbox: what one defines, the next one finds. Read kernel."""

from sandbox.kernel.kernel import Kernel, open_kernel

__all__ = ["Kernel", "open_kernel"]
