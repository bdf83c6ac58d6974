"""Reports of a run: its summaries, its HTML page, and its comparison with another run."""
