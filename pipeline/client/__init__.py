"""Customer.io's Track API over one connection pool: retries, typed errors, a result for every item."""

from pipeline.client.before_sending import (
    BATCH_BYTES,
    BATCH_FRAME_BYTES,
    PIPELINES_BATCH_BYTES,
    TrackApi,
    batch_size_bytes,
    lone_request,
    refusal,
    v1_body,
    v2_item,
    with_deduplication_id,
)
from pipeline.client.retry import RetryPolicy
from pipeline.client.track_client import TrackClient

__all__ = [
    "BATCH_BYTES",
    "BATCH_FRAME_BYTES",
    "PIPELINES_BATCH_BYTES",
    "RetryPolicy",
    "TrackApi",
    "TrackClient",
    "batch_size_bytes",
    "lone_request",
    "refusal",
    "v1_body",
    "v2_item",
    "with_deduplication_id",
]
