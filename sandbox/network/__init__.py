"""The hosts that a policy allows, and the proxy that is the only way to them. Read allowed_hosts, proxy."""
