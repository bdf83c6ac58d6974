"""The stand-in: a local HTTP server that answers like Customer.io's Track, App and Pipelines APIs.

Start it with ``python -m standin --port N``. It does not use the load test. Of the project it imports
only ``config``: the published limits, the grammar of durations and the command-line parser.
"""
