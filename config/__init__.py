"""Settings, profiles and published limits. Every other room may use this one; it does not use Locust."""
