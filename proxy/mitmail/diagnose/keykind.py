"""What kind of key a SubjectPublicKeyInfo holds, in the words of scenario files."""

from typing import Final

from mitmail.pki import der

_RSA, _PSS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
_EC: Final = "1.2.840.10045.2.1"
_CURVES: Final = {  # RFC 5480 2.1.1.1, SEC 2, RFC 5639
    "1.2.840.10045.3.1.7": "ec256",
    "1.3.132.0.34": "ec384",
    "1.3.132.0.35": "ec521",
    "1.3.132.0.33": "ec224",
    "1.3.132.0.10": "secp256k1",
    "1.3.36.3.3.2.8.1.1.7": "brainpool256",
}
_OTHERS: Final = {
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
    "1.2.840.10040.4.1": "dsa2048",
    "2.16.840.1.101.3.4.3.18": "mldsa65",
}
_F4: Final = 65537
_SIZES: Final = (512, 1024, 2047, 2048, 3072, 4096, 8192)


def key_kind(spki: bytes) -> tuple[str, str, str | None]:
    """Kind, form, and in words what is lost: a key of that very make cannot be had here.

    Of RSA the next smaller size stands in: what is too short stays too short. Raises DerError.
    """
    algorithm, bits = der.children(der.read(spki).content)
    oid, *parameters = der.children(algorithm.content)
    word = der.to_oid(oid)
    if word in {_RSA, _PSS}:
        kind, lost = _rsa(bits.content[1:])
        return kind, "pss" if word == _PSS else "plain", lost
    if word == _EC and parameters:
        if parameters[0].tag == der.SEQUENCE:
            lost = None if len(bits.content) == 66 else "an explicit curve other than P-256"
            return "ec256", "explicit", lost
        curve = der.to_oid(parameters[0])
        lost = None if curve in _CURVES else f"a key on the curve {curve}"
        return _CURVES.get(curve, "ec256"), "plain", lost
    if word in _OTHERS:
        return _OTHERS[word], "plain", None
    return "ec256", "plain", f"a key of the kind {word}"


def _rsa(content: bytes) -> tuple[str, str | None]:
    numbers = der.children(der.expect(der.read(content), der.SEQUENCE).content)
    if [x.tag for x in numbers] != [der.INTEGER, der.INTEGER]:
        raise der.DerError("an RSA key is not a modulus and an exponent")
    modulus, exponent = (int.from_bytes(x.content) for x in numbers)
    bits = modulus.bit_length()
    size = max((x for x in _SIZES if x <= bits), default=_SIZES[0])
    if exponent == 3 and size == 2048:
        return "rsa2048-e3", None if bits == size else f"an RSA key of {bits} bits"
    words = [f"{bits} bits"] * (bits != size)
    words += [f"the exponent {exponent}"] * (exponent != _F4)
    return f"rsa{size}", f"an RSA key with {' and '.join(words)}" if words else None
