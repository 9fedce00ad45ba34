"""What one leg of a session presents: a certificate chain and the leaf's key."""

from dataclasses import dataclass

from mitmail.pki.certificate import sha256
from mitmail.pki.key import Key


@dataclass(frozen=True, slots=True)
class Identity:
    """A chain as it is sent, DER, leaf first, with the key that proves the leaf."""

    chain: tuple[bytes, ...]
    key: Key

    @property
    def leaf(self) -> bytes:
        """The first certificate of the chain."""
        return self.chain[0]

    @property
    def leaf_sha256(self) -> str:
        """The leaf's fingerprint, hexadecimal."""
        return sha256(self.leaf)
