"""Allowed hosts and the proxy that leads there. Read allowed_hosts, then proxy."""
