"""A Jupyter kernel and its client, both inside; the host gets frames. Read kernel_entry."""
