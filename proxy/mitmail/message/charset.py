"""Character sets by the names that mail gives them (RFC 2045 section 5.1)."""

import codecs

# Python's own, which are no character sets; some take the square of their input's length.
_NO_CHARSETS = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs"}


def decode(octets: bytes, name: bytes, errors: str = "strict") -> str | None:
    """Octets as text; None when the character set is unknown or, if strict, they are not of it."""
    try:
        known = codecs.lookup(name.decode("ascii")).name.replace("_", "-")
        return None if known in _NO_CHARSETS else octets.decode(known, errors)
    except (LookupError, ValueError):
        return None
