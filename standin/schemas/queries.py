"""The queries of all three APIs."""

from __future__ import annotations

from standin.schemas.parts import EMAIL, Schema, one_of, text


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema}


_ID_TYPE = _query("id_type", one_of("id", "email", "cio_id"))
_PAGE = (
    _query("start", {"type": "integer", "minimum": 0, "maximum": 10**8}),
    _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
)
_PEOPLE = ("attributes", "activities", "messages", "relationships", "segments", "subscription_preferences")

QUERIES: dict[str, tuple[Schema, ...]] = {
    "add_to_segment": (_ID_TYPE,),
    "remove_from_segment": (_ID_TYPE,),
    "get_customers_by_email": ({**_query("email", EMAIL), "required": True},),
    "get_attributes": (_ID_TYPE,),
    **{f"get_customer_{what}": (_ID_TYPE, *_PAGE) for what in _PEOPLE[1:]},
    "search_customers": _PAGE,
    "find_objects": _PAGE,
    "list_activities": (*_PAGE, _query("name", text())),
    "get_messages": (*_PAGE, _query("type", text()), _query("transactional_id", text())),
    "get_object_attributes": (_query("id_type", one_of("object_id", "cio_object_id")),),
    "get_object_relationships": (_query("id_type", one_of("object_id", "cio_object_id")), *_PAGE),
}
