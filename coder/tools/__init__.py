"""Tools for the model, and the protocol of calls. Read tool, registry, protocol."""
