"""These tests run in Locust's world, under gevent: see tests/worlds.py."""

import locust  # noqa: F401 - before the tests' own imports: it patches the standard library
