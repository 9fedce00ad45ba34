"""A real Dovecot with IMAP, POP3 and submission, each with implicit TLS and with STARTTLS."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import dovecot_process
from dovecot_process import Network

HOST, NAME = dovecot_process.HOST, "mail.customer.test"
USER, PASSWORD = "alice@customer.test", "Dovecot-4712"
MAIL = b"From: dovecot@customer.test\nTo: alice@customer.test\nSubject: kept\n\nof Dovecot\n"
LISTENERS = {
    "imap": ("imap-login", "imap"),
    "imaps": ("imap-login", "imaps"),
    "pop3": ("pop3-login", "pop3"),
    "pop3s": ("pop3-login", "pop3s"),
    "smtp": ("submission-login", "submission"),
    "smtps": ("submission-login", "submissions"),
}
SETTINGS = """\
protocols = imap pop3 submission
auth_mechanisms = plain login
mail_max_userip_connections = 1000
ssl = yes
ssl_min_protocol = TLSv1.2
ssl_cert = <{home}/cert
ssl_key = <{home}/key
hostname = mail.customer.test
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_ssl = no
"""
LISTENER = """\
service {service} {{
  chroot =
  service_count = 0
  inet_listener {name} {{
    port = {port}
    ssl = {ssl}
  }}
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """Its ports by endpoint, its certificate and the root above that (DER), and its log."""

    ports: dict[str, int]
    leaf: bytes
    root: bytes
    log: Path

    @property
    def inbox(self) -> Path:
        """Where mail of its user is dropped (Maildir)."""
        return self.log.parent / "mail" / USER / "new"


@contextlib.contextmanager
def running(
    relay: int,
    mails: Sequence[bytes] = (MAIL,),
    *,
    network: Network | None = None,
    ports: dict[str, int] | None = None,
    address: str = HOST,
) -> Iterator[Dovecot]:
    """Start Dovecot with these mails in its INBOX; what is submitted goes to the port ``relay``.

    Its certificate is for ``address``, too.
    """
    with dovecot_process.home(USER, PASSWORD) as home:
        leaf, root = _certificates(home, address)
        _deliver(home / "mail" / USER, mails)
        ports = ports or _free_ports()
        greeting = [ports[name] for name in ("imap", "pop3", "smtp")]
        settings = SETTINGS.format(home=home, relay=relay) + _listeners(ports)
        with dovecot_process.started(home, settings, greeting, network):
            yield Dovecot(ports, leaf, root, home / "log")


def _free_ports() -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        reserved = {x: stack.enter_context(socket.create_server((HOST, 0))) for x in LISTENERS}
        return {name: sock.getsockname()[1] for name, sock in reserved.items()}


def _listeners(ports: dict[str, int]) -> str:
    return "".join(
        LISTENER.format(
            service=service, name=name, port=ports[one], ssl="yes" if one[-1] == "s" else "no"
        )
        for one, (service, name) in LISTENERS.items()
    )


def _deliver(maildir: Path, mails: Sequence[bytes]) -> None:
    for name in ("new", "cur", "tmp"):
        (maildir / name).mkdir(parents=True)
    for number, mail in enumerate(mails, 1):
        (maildir / "new" / f"{number:05}.mail").write_bytes(mail)


def _certificates(home: Path, address: str) -> tuple[bytes, bytes]:
    """Write a leaf for this host and its key; the leaf and the root that signed it."""
    root_key, key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    root_name, name = _name("a root of Dovecot's own"), _name(NAME)
    anybody = x509.BasicConstraints(ca=True, path_length=None)
    root = _certificate(root_name, root_name, root_key.public_key(), anybody).sign(
        root_key, hashes.SHA256()
    )
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(ip_address(address))])
    leaf = _certificate(name, root_name, key.public_key(), names).sign(root_key, hashes.SHA256())
    (home / "cert").write_bytes(leaf.public_bytes(Encoding.PEM))
    (home / "key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return leaf.public_bytes(Encoding.DER), root.public_bytes(Encoding.DER)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, also: x509.ExtensionType
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(also, critical=isinstance(also, x509.BasicConstraints))
    )
