"""Octets that one side of a dialogue has sent and nobody has read yet."""

LINE_LIMIT = 65536
_TLS_RECORDS = frozenset((20, 21, 22, 23))


class NotText(Exception):
    """The line that begins here is none of a mail protocol."""


class Overlong(NotText):
    """The line that begins here has no end within LINE_LIMIT octets."""


class Octets:
    """A queue of octets, read by line or by count.

    Whoever reads leaves at most one incomplete line, so at most LINE_LIMIT octets are held.
    ``opaque`` is for the reader: nothing here is to be parsed any more.
    """

    __slots__ = ("_at", "_data", "opaque")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self.opaque = False

    def __len__(self) -> int:
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        """Append ``data``."""
        self.forget()
        self._data += data

    def forget(self) -> None:
        """Give back the memory of what was taken."""
        self._data = self._data[self._at :]
        self._at = 0

    def peek(self, size: int) -> bytes:
        """Return the first ``size`` octets, or as many as there are."""
        return self._data[self._at : self._at + size]

    def find(self, mark: bytes) -> int:
        """Return how many octets come before ``mark``, negative if it is not there."""
        return self._data.find(mark, self._at) - self._at

    def endswith(self, mark: bytes) -> bool:
        """Tell whether the last octets are ``mark``."""
        return self._data.endswith(mark, self._at)

    def take(self, size: int | None = None) -> bytes:
        """Remove and return the first ``size`` octets or as many as there are (None: all)."""
        start = self._at
        self._at = len(self._data) if size is None else min(start + size, len(self._data))
        return self._data[start : self._at]

    def line(self) -> bytes | None:
        """Remove and return the first line, its LF included; None while it is not complete.

        Raises NotText for a NUL or a TLS record type in the first place, Overlong for a line
        without end; then nothing is removed.
        """
        seen = min(self._at + LINE_LIMIT, len(self._data))
        end = self._data.find(b"\n", self._at, seen) + 1
        nul = self._data.find(b"\0", self._at, end or seen) >= 0
        if nul or self._data[self._at] in _TLS_RECORDS:
            raise NotText
        if not end and len(self) >= LINE_LIMIT:
            raise Overlong
        return self.take(end - self._at) if end else None


class DotLines:
    """Lines up to the one that is a single dot, streamed as they come.

    ``eol`` alone ends a line here: CRLF for SMTP (RFC 5321 section 4.1.1.4; taking a bare LF for
    one is SMTP smuggling). Held back are at most a dot or a CR that may begin the end.
    """

    __slots__ = ("_at_start", "_eol", "done")

    def __init__(self, eol: bytes) -> None:
        self._eol = eol
        self._at_start = True
        self.done = False

    def read(self, octets: Octets) -> bytes:
        """Take what is there; empty: more is needed. The last line comes alone, then ``done``."""
        end = b"." + self._eol
        if self._at_start:
            head = octets.peek(len(end))
            if end.startswith(head):
                self.done = head == end
                return octets.take(len(end)) if self.done else b""
        return octets.take(self._lines(octets, self._eol + end))

    def _lines(self, octets: Octets, mark: bytes) -> int:
        eol = len(self._eol)
        if (before := octets.find(mark)) >= 0:
            self._at_start = True
            return before + eol
        tail = next((n for n in range(len(mark) - 1, 0, -1) if octets.endswith(mark[:n])), 0)
        size = len(octets) - (tail - eol if tail >= eol else tail)
        if size:
            self._at_start = tail >= eol
        return size
