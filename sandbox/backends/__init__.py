"""Backends whose runs are processes of this machine; sandbox/docker is the other. Read bubblewrap."""
