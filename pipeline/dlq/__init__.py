"""``python -m pipeline.dlq``: looks at dead letters, sends them again, throws them away."""
