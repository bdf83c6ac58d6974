"""Rates, trends, counters and gauges, what must hold of them, and where they are written."""
