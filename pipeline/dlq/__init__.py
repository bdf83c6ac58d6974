"""``python -m pipeline.dlq``: lists, shows, replays and purges dead letters."""
