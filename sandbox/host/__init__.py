"""The host's side of a sandbox: server, pool of children, one execution. Read served_sandbox, execution."""
