"""The Docker backend: a persistent container, and one for each fresh run. Read docker_sandbox, container."""
