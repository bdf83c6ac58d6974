"""How many events the client and the batch sender bring through a limited number of requests.

    python benchmarks/delivery_rate.py [--seconds 10] [--requests 100]

v2 batches and v1 requests, one after the other, against a stand-in on this machine. What matters is the ratio
to the limit: requests made to requests allowed, and events for each request.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.delivery.opening import open_delivery
from pipeline.operation import Operation
from pipeline.settings import load_pipeline_settings
from standin.control_client import ControlClient
from standin.own_process import LocalStandin

PEOPLE = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--requests", type=int, default=100)
    options = parser.parse_args()
    for api in ("v2", "v1"):
        with LocalStandin() as standin:
            variables = {
                "CUSTOMERIO_BASE_URL": standin.url,
                "TRACK_API": api,
                "LIMIT_REQUESTS": str(options.requests),
                "LIMIT_MIN_GAP_MS": "5",
            }
            seconds = asyncio.run(deliver(variables, options.seconds))
            stats = ControlClient(standin.url).stats()
        events, requests = stats["events"], stats["requests_total"]
        print(
            f"{api}: {events / seconds:.0f} events/s, {events / requests:.1f} events per request, "
            f"{requests / seconds:.1f} requests/s of {options.requests} allowed"
        )


async def deliver(variables: dict[str, str], seconds: float) -> float:
    """Adds operations for so long, waits for the last, and returns how long it took in all."""
    async with open_delivery(load_pipeline_settings(variables)) as delivery:
        sender = delivery.make_sender()
        began = time.monotonic()
        number = 0
        while time.monotonic() - began < seconds:
            await sender.add(
                Operation("track", f"person-{number % PEOPLE}", {"sequence": number}, "benchmark")
            )
            number += 1
        await sender.close()
        return time.monotonic() - began


if __name__ == "__main__":
    main()
