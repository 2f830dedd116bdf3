"""A Jupyter kernel and its client, both inside. Read kernel_service."""
