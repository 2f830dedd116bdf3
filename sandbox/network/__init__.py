"""The hosts that a policy allows, and the proxy that connects programs to them. Read allowed_hosts, proxy."""
