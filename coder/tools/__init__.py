"""What a model may call while it works, and how its calls are read. Read tool, registry, protocol."""
