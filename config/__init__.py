"""Settings, profiles and published limits: the ground floor, which knows nothing of Locust."""
