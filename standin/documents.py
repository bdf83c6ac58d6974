"""What else the App API keeps: segments, collections, newsletters and so on, as documents at a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Path = tuple[str, ...]
Document = dict[str, Any]

# The workspace has one of each of these, because the App API has no call that makes one.
_SEED: dict[Path, Document] = {
    ("campaigns", "1"): {"id": 1, "name": "campaign of the stand-in", "type": "segment", "active": True},
    ("broadcasts", "1"): {"id": 1, "name": "broadcast of the stand-in", "type": "triggered_broadcast"},
    ("sender_identities", "1"): {"id": 1, "name": "stand-in", "email": "standin@example.com"},
    ("subscription_topics", "1"): {"id": 1, "identifier": "topic_1", "name": "Topic 1"},
}
# Bounds the memory of a long run.
_MOST_DOCUMENTS = 100_000


class TooManyDocuments(Exception):  # noqa: N818 - a condition that is answered with 400
    """The store is full."""


class DocumentStore:
    """JSON objects by path, such as ``("collections", "3")``. A document may lie below another."""

    def __init__(self) -> None:
        self._documents: dict[Path, Document] = {path: dict(document) for path, document in _SEED.items()}
        self._last_id = 1

    def new_id(self) -> int:
        """Return an id that no document has."""
        self._last_id += 1
        return self._last_id

    def put(self, path: Path, document: Document) -> None:
        """Keep a document, in place of an earlier one at the path.

        Raises:
            TooManyDocuments: the store is full, and the path is new.
        """
        if path not in self._documents and len(self._documents) >= _MOST_DOCUMENTS:
            raise TooManyDocuments
        self._documents[path] = document

    def find(self, path: Path) -> Document | None:
        """Return the document at a path, or ``None``."""
        return self._documents.get(path)

    def delete(self, path: Path) -> bool:
        """Delete a document and all below it."""
        if path not in self._documents:
            return False
        for below in [known for known in self._documents if known[: len(path)] == path]:
            del self._documents[below]
        return True

    def within(self, path: Path) -> Iterator[Document]:
        """Yield the documents that lie directly in a folder, oldest first."""
        for known, document in self._documents.items():
            if len(known) == len(path) + 1 and known[:-1] == path:
                yield document
