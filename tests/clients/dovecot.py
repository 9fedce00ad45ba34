"""A real Dovecot with IMAP, POP3 and submission, each with implicit TLS and with STARTTLS."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bench import clean_environment, need

HOST, NAME = "127.0.0.1", "mail.customer.test"
USER, PASSWORD = "alice@customer.test", "Dovecot-4712"
SECONDS = 10.0
MAIL = b"From: dovecot@customer.test\nTo: alice@customer.test\nSubject: kept\n\nof Dovecot\n"
LISTENERS = {
    "imap": ("imap-login", "imap"),
    "imaps": ("imap-login", "imaps"),
    "pop3": ("pop3-login", "pop3"),
    "pop3s": ("pop3-login", "pop3s"),
    "smtp": ("submission-login", "submission"),
    "smtps": ("submission-login", "submissions"),
}
CONFIG = """\
base_dir = {home}/run
state_dir = {home}/state
instance_name = mitmail
log_path = {home}/log
protocols = imap pop3 submission
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
auth_mechanisms = plain login
auth_failure_delay = 0
disable_plaintext_auth = no
mail_max_userip_connections = 1000
mail_location = maildir:{home}/mail/%u
mail_fsync = never
ssl = yes
ssl_min_protocol = TLSv1.2
ssl_cert = <{home}/cert
ssl_key = <{home}/key
hostname = mail.customer.test
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_ssl = no
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
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


@contextlib.contextmanager
def running(relay: int) -> Iterator[Dovecot]:
    """Start Dovecot with one mail in its INBOX; what is submitted goes to the port ``relay``."""
    program = need("dovecot")
    home = Path(tempfile.mkdtemp(prefix="mm"))  # pytest's own are too long for unix sockets
    leaf, root = _certificates(home)
    served = Dovecot(_free_ports(), leaf, root, home / "log")
    _settle(home, served.ports, relay)
    process = subprocess.Popen([program, "-F", "-c", home / "conf"], env=clean_environment())
    try:
        for port in served.ports.values():
            if port not in {served.ports[x] for x in ("imaps", "pop3s", "smtps")}:
                _await_greeting(port, process, served.log)
        yield served
    finally:
        process.terminate()
        process.wait(SECONDS)
        shutil.rmtree(home)


def _free_ports() -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        reserved = {x: stack.enter_context(socket.create_server((HOST, 0))) for x in LISTENERS}
        return {name: sock.getsockname()[1] for name, sock in reserved.items()}


def _settle(home: Path, ports: dict[str, int], relay: int) -> None:
    if sys.platform == "win32":
        pytest.skip("Dovecot is a Unix program")
    mine = home.owner(), home.group()
    user, group = ("nobody", "nogroup") if mine[0] == "root" else mine
    listeners = [
        LISTENER.format(
            service=service, name=name, port=ports[one], ssl="yes" if one[-1] == "s" else "no"
        )
        for one, (service, name) in LISTENERS.items()
    ]
    config = CONFIG.format(home=home, user=user, group=group, relay=relay)
    (home / "conf").write_text(config + "".join(listeners))
    (home / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}::::::\n")
    for name in ("run", "state", "mail", *(f"mail/{USER}{x}" for x in ("", "/new", "/cur"))):
        (home / name).mkdir()
    (home / "mail" / USER / "tmp").mkdir()
    (home / "mail" / USER / "new" / "1.mail").write_bytes(MAIL)
    if (user, group) != mine:
        for path in (home, *home.glob("**/*")):
            shutil.chown(path, user, group)


def _await_greeting(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((HOST, port), timeout=SECONDS) as connection:
                if connection.recv(100):
                    return
        except OSError:
            continue
    pytest.fail(f"Dovecot does not start: {log.read_text() if log.exists() else ''}")


def _certificates(home: Path) -> tuple[bytes, bytes]:
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
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(IPv4Address(HOST))])
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
