"""Environments of several services: a Harbor task's Compose file, read and checked. Read reading, model."""
