"""The private parts of Locust that the load test needs, each behind a name that says what for.

Nothing else in this project touches them. ``tests/unit/engine/test_locust_contract.py`` holds each against
the installed Locust, so that a new version that changes one fails there, in one sentence.
"""
