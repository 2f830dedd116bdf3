"""The Docker backend: containers, each with an agent as pid 1. Read open_docker, container, boot."""
