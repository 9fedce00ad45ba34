"""How the simulated mail server speaks TLS, as a scenario has it."""

from datetime import datetime, timedelta

from mitmail.manner import Instead, Manner
from mitmail.pki import der, ocsp
from mitmail.pki.certificate import parse, random_serial
from mitmail.pki.key import generate
from mitmail.pki.name import distinguished_name
from mitmail.plan.chain import Chain
from mitmail.scenario.certificate import Certificate
from mitmail.scenario.reference import LEAF, UNRELATED
from mitmail.scenario.server import Server
from mitmail.scenario.tls import MODERN, Staple, Tls
from mitmail.scenario.tls import Instead as SaidInstead

# Content type, version, length, level fatal (RFC 8446 section 5.1).
ALERT_RECORD = bytes((21, 3, 3, 0, 2, 2))
WEAK_KEYS = frozenset({"rsa512", "rsa1024", "rsa2047", "ec224", "dsa2048"})
WEAK_HASHES = frozenset({"sha1", "md5", "sha224"})
# OpenSSL ends a handshake in which no signature of the chain suits the client's list, which would
# look as if the client had refused (measured: MD5 and ML-DSA with Java and Go).
UNLISTED_HASHES = WEAK_HASHES | {"pss-sha256"}
UNLISTED_KEYS = frozenset({
    "rsa512", "ec224", "secp256k1", "brainpool256", "ed25519", "ed448", "dsa2048", "mldsa65",
})  # fmt: skip

# What the issuer certified a responder's key for, where it is not a CA (RFC 6960 4.2.2.2).
PURPOSES = {"delegate": "OCSPSigning", "upstart": "serverAuth"}


def manner(server: Server, staple: bytes | None) -> Manner:
    """The manner of this server; ``staple`` is what it staples."""
    tls = server.tls
    sent = [server.certificates[name] for name in server.sent]
    return Manner(
        versions=tls.versions,
        ciphers=tls.ciphers,
        groups=tls.groups,
        dh_bits=tls.dh_bits,
        staple=staple,
        client_certificate=tls.client_certificate,
        wrong_key=tls.wrong_key,
        unrecognized_name=tls.unrecognized_name,
        record_size=tls.record_size,
        segment_size=tls.segment_size,
        close_notify=tls.close_notify,
        renegotiate=tls.renegotiate,
        cut=tls.cut,
        instead=None if tls.instead is None else instead(tls.instead),
        weak=_is_weak(tls, sent),
        lenient=_is_unlisted(server),
    )


def _is_weak(tls: Tls, sent: list[Certificate]) -> bool:
    weak = any(x.key in WEAK_KEYS or x.signature in WEAK_HASHES for x in sent)
    return weak or bool(tls.ciphers) or not set(tls.versions) <= set(MODERN)


def _is_unlisted(server: Server) -> bool:
    signers = {server.key_of(server.issuer_of(name)) for name in server.sent}
    keys = {server.certificates[name].key for name in signers - {LEAF}}
    hashes = {server.certificates[name].signature for name in server.sent}
    return bool(keys & UNLISTED_KEYS or hashes & UNLISTED_HASHES)


def instead(said: SaidInstead) -> Instead:
    """What comes in place of TLS."""
    octets = b""
    if said.alert is not None:
        octets = ALERT_RECORD + bytes((said.alert,))
    elif said.text is not None:
        octets = said.text.encode()
    elif said.octets is not None:
        octets = bytes.fromhex(said.octets)
    return Instead(when=said.when, octets=octets, then=said.then, offering=said.offering)


def staple(said: Staple, server: Server, chain: Chain, now: datetime, *, leaf: bytes) -> bytes:
    """The DER OCSPResponse about the leaf; raises MitmailError where the leaf cannot be read."""
    if said.status == "try-later":
        return ocsp.unsuccessful("tryLater")
    serial = parse(leaf).serial
    if said.about == "other":
        serial = der.read(der.integer(random_serial())).content
    issuer = chain.authority(server.issuer_of(LEAF))
    revoked = ocsp.RevokedInfo(now + said.this_update, "keyCompromise")
    data = ocsp.ResponseData(
        issuer=issuer,
        serial=serial,
        status=revoked if said.status == "revoked" else said.status,
        this_update=now + said.this_update,
        next_update=now + said.next_update,
    )
    if said.signer not in PURPOSES:
        return ocsp.respond(data, None if said.signer == "issuer" else chain.authority(UNRELATED))
    day = timedelta(days=1)
    subject = distinguished_name([("O", "mitmail"), ("CN", f"mitmail OCSP {said.signer}")])
    purpose, key = PURPOSES[said.signer], generate("ec256")
    responder = ocsp.delegate(issuer, subject, key, now - day, now + day, purposes=[purpose])
    return ocsp.respond(data, responder, certificates=[responder.certificate])
