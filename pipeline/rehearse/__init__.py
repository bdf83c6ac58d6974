"""``python -m pipeline.rehearse``: lets the autoscaler's arithmetic scale real workers under a load."""
