"""OpenSSL's side of presenting an identity: what it serves itself, exactly, in its manner."""

import warnings
from dataclasses import dataclass
from functools import cache, lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL, crypto

from mitmail.engine.certificate import UNREADABLE, load
from mitmail.engine.leg import Presented, UnpresentableError
from mitmail.engine.openssl_leg import OpenSslLeg, words
from mitmail.engine.spec import Identity
from mitmail.manner import Manner, Version

# In order: a version that is left out between two others is switched off by its option.
VERSIONS: dict[Version, tuple[int, int]] = {
    "TLSv1.0": (SSL.TLS1_VERSION, SSL.OP_NO_TLSv1),
    "TLSv1.1": (SSL.TLS1_1_VERSION, SSL.OP_NO_TLSv1_1),
    "TLSv1.2": (SSL.TLS1_2_VERSION, SSL.OP_NO_TLSv1_2),
    "TLSv1.3": (SSL.TLS1_3_VERSION, SSL.OP_NO_TLSv1_3),
}
# pyOpenSSL can name one group, and of these only.
GROUPS: dict[str, ec.EllipticCurve] = {
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
}
KEYS = (
    rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey,
    ed448.Ed448PrivateKey, dsa.DSAPrivateKey,
)  # fmt: skip
REQUESTS = {
    "none": SSL.VERIFY_NONE,
    "optional": SSL.VERIFY_PEER,
    "required": SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
}


def leg(identity: Identity) -> OpenSslLeg:
    """A leg that presents ``identity``; raises UnpresentableError."""
    manner = identity.manner
    for version in _signing_versions(identity.key, manner):
        if not _rehearsed(identity.chain, identity.key, manner, version):
            raise UnpresentableError(f"OpenSSL sends this certificate to no client of {version}")
    return OpenSslLeg(
        server_context(identity),
        accepting=True,
        renegotiate=manner.renegotiate,
        close_notify=manner.close_notify,
    )


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    chain: tuple[bytes, ...]
    key: PrivateKeyTypes
    manner: Manner
    anchors: tuple[bytes, ...] = ()


def _signing_versions(key: PrivateKeyTypes, manner: Manner) -> tuple[Version, ...]:
    return manner.versions if isinstance(key, KEYS) else ("TLSv1.3",)


@lru_cache(maxsize=64)
def _rehearsed(
    chain: tuple[bytes, ...], key: PrivateKeyTypes, manner: Manner, version: Version
) -> bool:
    # OpenSSL loads a leaf whose extensions it cannot read, and then sends it to nobody, or to
    # nobody who speaks TLS 1.2: "no shared cipher", as if the client had refused. A client that
    # takes everything tells.
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    number, _ = VERSIONS[version]
    context.set_min_proto_version(number)
    context.set_max_proto_version(number)
    context.set_cipher_list(b"ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    client = OpenSslLeg(context, accepting=False)
    client.start()
    server = OpenSslLeg(server_context(_Rehearsal(chain, key, manner)), accepting=True)
    for _ in range(2):  # the second time for another group (RFC 8446 section 4.1.4)
        if Presented() in server.receive(client.output()):
            return True
        client.receive(server.output())
    return False


def server_context(identity: Identity) -> SSL.Context:
    """A context that presents ``identity`` and never resumes: a resumed session shows no
    certificate, and the next case would be judged by the last one's.

    Raises UnpresentableError.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    try:
        # First of all: the security level already counts when certificate and key are loaded.
        _set_manner(context, identity.manner)
        _load(context, identity)
    except (SSL.Error, crypto.Error, *UNREADABLE) as error:
        raise UnpresentableError(f"the certificate cannot be presented: {words(error)}") from error
    return context


def _set_manner(context: SSL.Context, manner: Manner) -> None:
    _set_versions(context, manner)
    _set_ciphers(context, manner)
    for group in manner.groups:
        context.set_tmp_ecdh(GROUPS[group])
    if not manner.renegotiate:
        context.set_options(SSL.OP_NO_RENEGOTIATION)
    if manner.client_certificate != "none":
        context.set_verify(REQUESTS[manner.client_certificate], lambda *whatever: True)
    if (staple := manner.staple) is not None:
        context.set_ocsp_server_callback(lambda connection, data: staple)
    if manner.alpn:
        _choose_protocol(context, manner)


def _choose_protocol(context: SSL.Context, manner: Manner) -> None:
    context.set_alpn_select_callback(
        lambda connection, offered: next(
            (name for name in offered if name in manner.alpn), SSL.NO_OVERLAPPING_PROTOCOLS
        )
    )


def _set_versions(context: SSL.Context, manner: Manner) -> None:
    spoken = [number for word, (number, _) in VERSIONS.items() if word in manner.versions]
    if len(spoken) != len(set(manner.versions)) or not spoken:
        raise UnpresentableError(f"OpenSSL does not speak {', '.join(manner.versions) or 'this'}")
    context.set_min_proto_version(spoken[0])
    context.set_max_proto_version(spoken[-1])
    for word, (_, option) in VERSIONS.items():
        if word not in manner.versions:
            context.set_options(option)


def _set_ciphers(context: SSL.Context, manner: Manner) -> None:
    # What is asked for by name is served, however weak; TLS 1.0 and 1.1 are only there at level 0.
    # Never "ALL": at level 0 that negotiates anonymous suites, and so no certificate at all.
    old = not {"TLSv1.2", "TLSv1.3"}.issuperset(manner.versions)
    level = ":@SECLEVEL=0" if manner.weak or manner.ciphers or old else ""
    if missing := sorted(set(manner.ciphers) - _known(manner.ciphers)):
        raise UnpresentableError(f"OpenSSL has no cipher {', '.join(missing)}")
    if manner.ciphers or level:
        names = ":".join(manner.ciphers) or "DEFAULT"
        context.set_cipher_list(f"{names}{level}".encode("ascii"))


@cache
def _known(ciphers: tuple[str, ...]) -> frozenset[str]:
    # OpenSSL leaves out what it does not know; pyOpenSSL lists the rest only of a connection.
    if not ciphers:
        return frozenset()
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(f"{':'.join(ciphers)}:@SECLEVEL=0".encode("ascii"))
    return frozenset(SSL.Connection(context, None).get_cipher_list())


def _load(context: SSL.Context, identity: Identity) -> None:
    if not isinstance(identity.key, KEYS) and "TLSv1.3" not in identity.manner.versions:
        raise UnpresentableError("a key of this type signs in TLS 1.3 only")
    leaf, *rest = (_exactly(der) for der in identity.chain)
    context.use_certificate(leaf)
    for certificate in rest:
        context.add_extra_chain_cert(certificate)
    _use_key(context, identity.key)
    context.check_privatekey()  # a key of another type passes until here


def _use_key(context: SSL.Context, key: PrivateKeyTypes) -> None:
    if isinstance(key, KEYS):
        context.use_privatekey(key)
        return
    # ML-DSA has no name in pyOpenSSL 26.2, but OpenSSL reads it; an object of pyOpenSSL's own is
    # the only way in, and on its way out.
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_ASN1, der))


def _exactly(der: bytes) -> x509.Certificate:
    # pyOpenSSL is about to drop its own X509 objects here; cryptography's parser refuses more.
    certificate = load(der)
    # OpenSSL repairs octets behind the end and lengths in a long form (measured): the client
    # would see another certificate than the record says.
    if (
        crypto.dump_certificate(crypto.FILETYPE_ASN1, crypto.X509.from_cryptography(certificate))
        != der
    ):
        raise ValueError("OpenSSL would send other octets")
    return certificate
