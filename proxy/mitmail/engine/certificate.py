"""Certificates as cryptography reads them, broken ones among them."""

import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning

# What cryptography raises for a certificate that it cannot read, or one of its extensions.
UNREADABLE = (
    ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType, UnsupportedAlgorithm,
    KeyError,  # of a name's string type that it does not know (measured, cryptography 48)
)  # fmt: skip


def load(der: bytes) -> x509.Certificate:
    """Read a DER certificate, odd as it may be; raises one of ``UNREADABLE``."""
    with warnings.catch_warnings():
        # Of serial numbers that are not positive: some are, on purpose.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_der_x509_certificate(der)
