"""Judge answers for training: a service, a reward function, HTTP routes. Read service, rewarder, routes."""
