"""The stand-in: a local HTTP server that answers like Customer.io's Track API.

Run it with ``python -m standin --port N``. It knows nothing of the load test; of the project it
imports the published limits, the grammar of durations and the one-line command line, nothing else.
"""
