"""Tools for the model, and the protocol of its calls. Read tool, registry, protocol."""
