"""``python -m pipeline.plan``: says what a volume of events needs, and writes how to run and to test it."""
