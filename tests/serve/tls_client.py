"""Clients that know nothing of mitmail: openssl s_client, curl, and Python's own libraries."""

import re
import socket
import ssl
import subprocess
from pathlib import Path

from bench import need
from serve.program import environment
from serve.serving import NAME, USER, Place

SECONDS = 15.0
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)
_WORK = {"imap": ["/INBOX;MAILINDEX=1"], "pop3": ["/1"], "smtp": []}
LETTER = b"From: qa@customer.test\r\nTo: qa@customer.test\r\nSubject: tested\r\n\r\nhello\r\n"


def s_client(place: Place, *options: str, name: str = NAME) -> subprocess.CompletedProcess[bytes]:
    """``openssl s_client``, which shakes hands and leaves."""
    starttls = [] if place.implicit else ["-starttls", place.protocol]
    where = f"[{place.host}]" if ":" in place.host else place.host
    command = [need("openssl"), "s_client", "-connect", f"{where}:{place.port}", *starttls]
    return subprocess.run(
        [*command, "-servername", name, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=clean(),
        timeout=SECONDS,
    )


def clean() -> dict[str, str]:
    """An environment in which no client finds anything of its user's."""
    return environment(Path("/nonexistent"), LC_ALL="C")


def chain(place: Place) -> list[bytes]:
    """The certificates (PEM) that openssl was shown, leaf first."""
    return [*_PEM.findall(s_client(place, "-showcerts").stdout)]


def fingerprint(pem: bytes) -> str:
    """What ``openssl x509 -fingerprint -sha256`` says, in lower case and without colons."""
    said = openssl("x509", "-noout", "-fingerprint", "-sha256", give=pem)
    return said.partition("=")[2].strip().replace(":", "").lower()


def openssl(*arguments: str, give: bytes = b"", code: int = 0) -> str:
    """The standard output of an openssl command that has to end with this exit code."""
    command = [need("openssl"), *arguments]
    ended = subprocess.run(command, input=give, capture_output=True, timeout=SECONDS)
    assert ended.returncode == code, ended.stderr
    return ended.stdout.decode()


def curl(
    place: Place, roots: Path, password: str, *options: str, give: bytes = LETTER
) -> subprocess.CompletedProcess[bytes]:
    """curl fetches the first mail (IMAP, POP3) or sends one (SMTP), and insists on TLS."""
    sending = ["--mail-from", USER, "--mail-rcpt", USER, "--upload-file", "-"]
    path, *_ = _WORK[place.protocol] or [""]
    command = [
        *(need("curl"), "-q", "-sS", "--max-time", "15", "--ssl-reqd"),
        *("--cacert", str(roots), "--user", f"{USER}:{password}"),
        *("--connect-to", f"{NAME}:{place.port}:{place.host}:{place.port}"),
        *(*options, f"{place.endpoint}://{NAME}:{place.port}{path}"),
        *(sending if place.protocol == "smtp" else ()),
    ]
    return subprocess.run(command, input=give, capture_output=True, env=clean(), timeout=SECONDS)


def trusting(roots: Path, *, strict: bool = True) -> ssl.SSLContext:
    """Python's default context for these roots; not ``strict`` is what it was before 3.13."""
    context = ssl.create_default_context(cafile=str(roots))
    if not strict:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def connected(place: Place, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection to an endpoint of implicit TLS, which has said nothing yet."""
    plain = socket.create_connection((place.host, place.port), timeout=SECONDS)
    return context.wrap_socket(plain, server_hostname=NAME)


def foreign_root(folder: Path) -> Path:
    """A root of somebody's that signed nothing that mitmail serves."""
    file = folder / "foreign.pem"
    make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(*make, "-subj", "/CN=foreign", "-keyout", "/dev/null", "-out", str(file))
    return file
