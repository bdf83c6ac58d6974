"""The App API: sends, broadcasts, and everything that its official clients read and write."""

from __future__ import annotations

from standin.app_api import (
    broadcasts,
    content_endpoints,
    customers,
    exports,
    messages,
    objects,
    segments,
    sends,
    suppressions,
    transactional,
)

ENDPOINTS = (
    *sends.ENDPOINTS,
    *broadcasts.ENDPOINTS,
    *messages.ENDPOINTS,
    *transactional.ENDPOINTS,
    *customers.ENDPOINTS,
    *objects.ENDPOINTS,
    *segments.ENDPOINTS,
    *exports.ENDPOINTS,
    *suppressions.ENDPOINTS,
    *content_endpoints.ENDPOINTS,
)
