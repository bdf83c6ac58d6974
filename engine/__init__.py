"""All contact with Locust: launch, sessions, master and workers."""
