"""The Docker backend: a container a sandbox, an exec a run, another container a fresh run."""
