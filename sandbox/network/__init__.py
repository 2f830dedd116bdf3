"""The hosts that a policy names, and the proxy that alone leads there. Read allowed_hosts, proxy."""
