"""``python -m pipeline.produce``: fills a topic from a file or at a rate."""
