"""What one leg of a session presents: a certificate chain, the leaf's key, and its manner."""

from dataclasses import dataclass

from mitmail.manner import PROPER, Manner
from mitmail.pki.certificate import sha256
from mitmail.pki.key import Key


@dataclass(frozen=True, slots=True)
class Identity:
    """A chain as it is sent, DER, leaf first, with the key that proves the leaf.

    ``anchors`` are the certificates (DER) that the client is told to trust, as far as is known.
    """

    chain: tuple[bytes, ...]
    key: Key
    manner: Manner = PROPER
    anchors: tuple[bytes, ...] = ()

    @property
    def leaf(self) -> bytes:
        """The first certificate of the chain."""
        return self.chain[0]

    @property
    def leaf_sha256(self) -> str:
        """The leaf's fingerprint, hexadecimal."""
        return sha256(self.leaf)
