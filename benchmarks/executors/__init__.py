"""Do jobs on several nodes: processes of this machine or others. Read executor, pool."""
