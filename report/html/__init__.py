"""The HTML report of a run: one file that opens offline, made from the run's folder alone."""
