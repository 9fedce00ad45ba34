"""Whom the client is taken to trust."""

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path

import certifi
from OpenSSL import crypto

from mitmail.diagnose.paste import LIMIT, read
from mitmail.errors import MitmailError
from mitmail.pki.certificate import from_pem

LARGEST = LIMIT * 4  # octets; the public roots are 240 KB


@dataclass(frozen=True)
class Roots:
    """Trusted certificates (DER); ``words`` say whose they are.

    ``public`` says that they are Mozilla's: what one of these vouches for, no antivirus made.
    """

    certificates: tuple[bytes, ...]
    words: str
    public: bool = False

    @cached_property
    def loaded(self) -> dict[bytes, crypto.X509]:
        """Those that OpenSSL can read."""
        found = {}
        for der in self.certificates:
            try:
                found[der] = crypto.load_certificate(crypto.FILETYPE_ASN1, der)
            except (crypto.Error, ValueError):
                continue
        return found


@cache
def public() -> Roots:
    """Mozilla's list of public roots, as the package certifi ships it."""
    found = from_pem(Path(certifi.where()).read_bytes())
    return Roots(found, f"the public roots (Mozilla's, certifi {version('certifi')})", public=True)


def from_file(file: Path) -> Roots:
    """The certificates of a file: PEM, DER or PKCS#7. Raises MitmailError that names it."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise MitmailError(f"cannot read {file}: {error.strerror}") from None
    if b"-----BEGIN CERTIFICATE-----" in content and LIMIT < len(content) <= LARGEST:
        return Roots(from_pem(content), str(file))
    found = read(content, str(file))
    return Roots((*found.chain, *found.besides), str(file))
