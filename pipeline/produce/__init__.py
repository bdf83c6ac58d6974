"""``python -m pipeline.produce``: fills a topic from a file, or with invented messages."""
