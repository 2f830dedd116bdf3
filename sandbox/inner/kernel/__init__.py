"""A kernel, inside. Read kernel_service."""
