"""Reads a page for Prometheus as a scraper does, with the parser of the official package."""

from __future__ import annotations

import requests
from prometheus_client.parser import text_string_to_metric_families


class PrometheusPage:
    """The samples of one reading of ``http://127.0.0.1:PORT/metrics``.

    Raises:
        requests.RequestException: the page cannot be read.
    """

    def __init__(self, port: int) -> None:
        response = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30)
        response.raise_for_status()
        self._samples = [
            sample for family in text_string_to_metric_families(response.text) for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of a name that have these labels."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )
