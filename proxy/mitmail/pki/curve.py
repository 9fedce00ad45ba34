"""Elliptic curves spelled out, where everybody else names them."""

from dataclasses import dataclass

from mitmail.pki import der

_PRIME_FIELD = "1.2.840.10045.1.1"  # RFC 3279 2.3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """y^2 = x^3 + ax + b over the integers modulo ``prime``, with its base point and its seed."""

    prime: int
    a: int
    b: int
    seed: bytes
    x: int
    y: int
    order: int
    cofactor: int

    def explicit_parameters(self) -> bytes:
        """The DER ECParameters of RFC 3279 2.3.5, which RFC 5480 2.1.1 forbids in certificates."""
        octets = (self.prime.bit_length() + 7) // 8
        a, b, x, y = (each.to_bytes(octets) for each in (self.a, self.b, self.x, self.y))
        return der.sequence(
            der.integer(1),
            der.sequence(der.oid(_PRIME_FIELD), der.integer(self.prime)),
            der.sequence(der.octet_string(a), der.octet_string(b), der.bit_string(self.seed)),
            der.octet_string(b"\x04" + x + y),
            der.integer(self.order),
            der.integer(self.cofactor),
        )


_P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1

P256 = Curve(  # SEC 2 version 2, 2.4.2; NIST SP 800-186 3.2.1.3
    prime=_P256_PRIME,
    a=_P256_PRIME - 3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    seed=bytes.fromhex("c49d360886e704936a6678e1139d26b7819f7e90"),
    x=0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    y=0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    order=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    cofactor=1,
)
