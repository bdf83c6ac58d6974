"""Read an HTTP/1.1 answer, piece by piece, within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from config.guarded_session import MOST_BODY_BYTES, MOST_HEADER_BYTES
from config.inflating import InflateError, inflated

# What a body may take on the wire: chunk sizes, chunk extensions and trailers are not part of it.
_MOST_WIRE_BYTES = MOST_HEADER_BYTES + 2 * MOST_BODY_BYTES
_MOST_HEADERS = 100
_MOST_INTERIM_ANSWERS = 10


class AnswerError(Exception):
    """What came is not a whole HTTP answer."""


class BodyError(AnswerError):
    """The answer's body is too large or cannot be inflated; ``status`` is the answer's own."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


class Headers(Mapping[str, str]):
    """Headers by name, in any case; the first one of a name counts.

    Decoded only when asked for (0.9 us per answer), which a success never is.
    """

    def __init__(self, raw: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        return self._decoded()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded())

    def __len__(self) -> int:
        return len(self._decoded())

    def _decoded(self) -> dict[str, str]:
        decoded: dict[str, str] = {}
        for name, value in self._raw:
            decoded.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        return decoded


NO_HEADERS = Headers()


class AnswerReader:
    """Reads the answers of one connection, one after another.

    ``begin`` before each; then ``feed`` what arrives until ``is_complete``. The answer is in ``status``,
    ``version``, ``headers`` and ``body``.
    """

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Expect the next answer."""
        self.is_complete = False
        self.may_keep_connection = False
        self.status = 0
        self.has_begun = False
        self._coming_headers: list[tuple[bytes, bytes]] = []
        self.headers = NO_HEADERS
        self.body = b""
        self._pieces: list[bytes] | None = None
        self._body_bytes = 0
        self._wire_bytes = 0
        self._has_headers = False
        self._interim_answers = 0
        self._is_encoded = False
        self._has_extra = False
        self._excess: AnswerError | None = None

    @property
    def version(self) -> str:
        """``1.1`` or ``1.0``."""
        version: str = self._parser.get_http_version()
        return version

    def feed(self, data: bytes) -> None:
        """Take in bytes as they came.

        Raises:
            AnswerError: they are no HTTP answer, or go beyond a bound.
        """
        self.has_begun = True
        self._wire_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._has_extra = True
            self._finish(may_keep_connection=False)
        except HttpParserError as error:
            if not self.is_complete:
                raise self._excess or AnswerError(f"not an HTTP answer: {error}") from error
            # What follows the answer is not one: the answer stands, the connection does not.
            self._has_extra = True
        if self._has_extra:
            self.may_keep_connection = False
        elif not self.is_complete:
            self._check_bounds()

    def end(self) -> None:
        """Take note that the server has closed: the end of a body that has no length of its own.

        Raises:
            AnswerError: the answer is not whole.
        """
        if not self.has_begun:
            raise AnswerError("connection closed without an answer")
        headers = self.headers
        is_framed = "content-length" in headers or headers.get("transfer-encoding", "").endswith("chunked")
        if not self._has_headers or is_framed:
            raise AnswerError("connection closed within an answer")
        self._finish(may_keep_connection=False)

    def _check_bounds(self) -> None:
        if not self._has_headers and self._wire_bytes > MOST_HEADER_BYTES:
            raise AnswerError(f"headers of more than {MOST_HEADER_BYTES} bytes")
        if len(self._coming_headers) > _MOST_HEADERS:
            raise AnswerError(f"more than {_MOST_HEADERS} headers")
        if self._wire_bytes > _MOST_WIRE_BYTES:
            raise BodyError(self.status, f"answer of more than {_MOST_WIRE_BYTES} bytes")

    def _finish(self, *, may_keep_connection: bool) -> None:
        self.status = self._parser.get_status_code()
        self.may_keep_connection = may_keep_connection
        if self._pieces is not None:
            self.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self.is_complete = True

    def inflate_body(self) -> None:
        """Replace a compressed body by what it stands for; nobody asked for one, but some send them.

        Raises:
            BodyError: it is damaged, or holds more than ``MOST_BODY_BYTES``.
        """
        if not self._is_encoded or not self.body:
            return
        try:
            self.body = inflated(self.body, self.headers["content-encoding"], MOST_BODY_BYTES)
        except InflateError as error:
            raise BodyError(self.status, str(error)) from error

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._has_extra = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        # Called five times per answer or more: what can wait for the last one waits (0.7 us per answer).
        self._coming_headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.is_complete:
            return
        self._has_headers = True
        self.status = self._parser.get_status_code()
        if len(self._coming_headers) > _MOST_HEADERS:
            self._excess = AnswerError(f"more than {_MOST_HEADERS} headers")
            raise self._excess
        for name, _ in self._coming_headers:
            # By its length first: this runs for every header.
            if len(name) == 16 and name.lower() == b"content-encoding":
                self._is_encoded = True
        self.headers = Headers(self._coming_headers)
        # What comes from here on are trailers, which nobody asks for, or the headers of another answer.
        self._coming_headers = []

    def on_body(self, piece: bytes) -> None:
        if self.is_complete:
            return
        self._body_bytes += len(piece)
        if self._body_bytes > MOST_BODY_BYTES:
            self._excess = BodyError(self.status, f"body of more than {MOST_BODY_BYTES} bytes")
            raise self._excess
        if self._pieces is None:
            self._pieces = [piece]
        else:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        if self.is_complete:
            return
        if 100 <= self.status < 200 and self.status != 101:
            self._interim_answers += 1
            if self._interim_answers > _MOST_INTERIM_ANSWERS:
                self._excess = AnswerError(f"more than {_MOST_INTERIM_ANSWERS} interim answers")
                raise self._excess
            self._has_headers = self._is_encoded = False
            return
        self._finish(may_keep_connection=self._parser.should_keep_alive())
