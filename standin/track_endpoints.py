"""The endpoints of the Track API."""

from __future__ import annotations

from standin import track_v1 as v1
from standin import track_v2 as v2
from standin.endpoint import Auth, Endpoint
from standin.responses import ErrorForm

_V1 = "/api/v1"
_V2 = "/api/v2"
_PERSON = f"{_V1}/customers/{{identifier}}"
_SEGMENT = f"{_V1}/segments/{{segment_id}}"

ENDPOINTS = (
    Endpoint("identify", "PUT", _PERSON, v1.identify),
    Endpoint("delete", "DELETE", _PERSON, v1.delete),
    Endpoint("track", "POST", f"{_PERSON}/events", v1.track),
    Endpoint("add_device", "PUT", f"{_PERSON}/devices", v1.add_device),
    Endpoint("delete_device", "DELETE", f"{_PERSON}/devices/{{device_id}}", v1.delete_device),
    Endpoint("suppress", "POST", f"{_PERSON}/suppress", v1.suppress),
    Endpoint("unsuppress", "POST", f"{_PERSON}/unsuppress", v1.unsuppress),
    Endpoint("track_anonymous", "POST", f"{_V1}/events", v1.track_anonymous),
    Endpoint("merge", "POST", f"{_V1}/merge_customers", v1.merge, ErrorForm.META_ERROR),
    Endpoint("add_to_segment", "POST", f"{_SEGMENT}/add_customers", v1.add_to_segment),
    Endpoint("remove_from_segment", "POST", f"{_SEGMENT}/remove_customers", v1.remove_from_segment),
    Endpoint("submit_form", "POST", f"{_V1}/forms/{{form_id}}/submit", v1.submit_form, statuses=(204,)),
    Endpoint("metrics", "POST", f"{_V1}/metrics", v1.metrics, auth=Auth.NONE),
    Endpoint("push_metrics", "POST", f"{_V1}/push/events", v1.push_metrics, auth=Auth.NONE),
    Endpoint("region", "GET", f"{_V1}/accounts/region", v1.region),
    Endpoint(
        "unsubscribe", "POST", "/unsubscribe/{delivery_id}", v1.unsubscribe, ErrorForm.META_ERROR, Auth.NONE
    ),
    Endpoint("entity", "POST", f"{_V2}/entity", v2.entity, ErrorForm.ERRORS),
    Endpoint("batch", "POST", f"{_V2}/batch", v2.batch, ErrorForm.ERRORS, statuses=(200, 207)),
)
