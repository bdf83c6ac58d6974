"""The reference receiver of Customer.io's reporting webhooks: small, to be copied.

Start it with ``python -m receiver --log events.jsonl``. Of the project it imports only ``config``.
"""
