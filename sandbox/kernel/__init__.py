"""Cells in a Jupyter kernel inside a sandbox: what one defines, the next one finds. Read kernel."""

from sandbox.kernel.kernel import Kernel
from sandbox.kernel.kernel_opening import kernel_in, open_kernel

__all__ = ["Kernel", "kernel_in", "open_kernel"]
