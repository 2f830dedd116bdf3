"""The Docker backend: one container whose workspace lasts, another one for each fresh run.

Read docker_sandbox, container.
"""
