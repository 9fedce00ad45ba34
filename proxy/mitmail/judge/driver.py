"""The clients that mitmail knows how to ask: fetch a mail, or send one, and say what you think."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Literal

from mitmail.endpoint import Endpoint
from mitmail.judge.program import Ended, run

type Word = Literal["accept", "reject", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a client is pointed at: ``roots`` is a PEM file, and the client trusts nothing else.

    ``tls`` pins a version (``TLSv1_2``, ``TLSv1_3``) where the client can be told to.
    """

    endpoint: Endpoint
    host: str
    port: int
    name: str
    user: str
    password: str
    roots: Path
    tls: Literal["TLSv1_2", "TLSv1_3"] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A client's own word: its verdict, the reason it names, its exit code and its text."""

    verdict: Word
    reason: str | None
    exit_code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Client:
    """A program that can be asked. ``version`` is what exceptions are looked up by."""

    name: str
    version: tuple[int, ...]
    command: Callable[[Target], list[str]]
    give: Callable[[Target], bytes]
    read: Callable[[Target, Ended], Said]

    async def ask(self, target: Target) -> Said:
        """Have the client do its work, and read its answer."""
        ended = await run(self.command(target), give=self.give(target))
        if ended.code is None:
            return Said("error", None, None, "the client did not end in time")
        return self.read(target, ended)


# X509_V_ERR_* (OpenSSL's x509_vfy.h) in the words of the reason vocabulary.
VERIFY_CODES = {
    2: "unknown-issuer", 7: "bad-signature", 9: "not-yet-valid", 10: "expired",
    18: "self-signed", 19: "unknown-issuer", 20: "unknown-issuer", 21: "unknown-issuer",
    23: "revoked", 24: "constraint", 25: "constraint", 26: "usage", 47: "constraint",
    48: "constraint", 62: "name-mismatch", 64: "name-mismatch", 66: "weak", 67: "weak",
    68: "weak", 79: "constraint", 85: "constraint", 86: "constraint", 89: "constraint",
    92: "constraint",
}  # fmt: skip

# What OpenSSL's and curl's texts say, first match wins: curl prints no number.
TEXTS = (
    ("certificate has expired", "expired"),
    ("certificate is not yet valid", "not-yet-valid"),
    ("no alternative certificate subject name matches", "name-mismatch"),
    ("does not match target host name", "name-mismatch"),
    ("hostname mismatch", "name-mismatch"),
    ("self-signed certificate in certificate chain", "unknown-issuer"),
    ("self signed certificate in certificate chain", "unknown-issuer"),
    ("self-signed certificate", "self-signed"),
    ("self signed certificate", "self-signed"),
    ("unable to get local issuer certificate", "unknown-issuer"),
    ("unable to verify the first certificate", "unknown-issuer"),
    ("permitted subtree violation", "constraint"),
)
GNUTLS_TEXTS = (
    ("expired", "expired"),
    ("not yet activated", "not-yet-valid"),
    ("does not match", "name-mismatch"),
    ("issuer is unknown", "unknown-issuer"),
)


def reason(text: str, table: tuple[tuple[str, str], ...]) -> str | None:
    """The first reason that a text names."""
    lower = text.lower()
    return next((word for phrase, word in table if phrase in lower), None)


# -- Python -------------------------------------------------------------------------------------


def python() -> Client:
    """Python's imaplib, poplib and smtplib, in the interpreter that runs mitmail."""
    script = str(files("mitmail.judge") / "stdlib_client.py")

    def command(target: Target) -> list[str]:
        job = {
            "protocol": target.endpoint.protocol,
            "implicit": target.endpoint.tls == "implicit",
            "host": target.host,
            "port": target.port,
            "name": target.name,
            "user": target.user,
            "password": target.password,
            "roots": str(target.roots),
            "tls": target.tls,
        }
        return [sys.executable, "-I", script, json.dumps(job)]

    return Client("python", sys.version_info[:3], command, _nothing, _read_python)


def _read_python(target: Target, ended: Ended) -> Said:
    try:
        said = json.loads(ended.out)
    except ValueError:
        return Said("error", None, ended.code, ended.err.decode(errors="replace"))
    return Said(said["verdict"], VERIFY_CODES.get(said["code"]), ended.code, said["words"])


# -- curl ---------------------------------------------------------------------------------------

CURL_WORK = {
    "imap": ["/INBOX;MAILINDEX=1"],
    "pop3": ["/1"],
    "smtp": ["", "--mail-from", "{user}", "--mail-rcpt", "{user}", "--upload-file", "-"],
}
CURL_TLS = {
    None: [],
    "TLSv1_2": ["--tls-max", "1.2"],
    "TLSv1_3": ["--tlsv1.3"],
}
# curl(1), EXIT CODES: what a certificate or TLS can cause, and nothing else.
CURL_REFUSED = frozenset({35, 51, 60, 83, 91})


def curl(path: str, version: tuple[int, ...]) -> Client:
    """curl, told to insist on TLS."""

    def command(target: Target) -> list[str]:
        scheme = target.endpoint.protocol + ("s" if target.endpoint.tls == "implicit" else "")
        place, *rest = (
            part.format(user=target.user) for part in CURL_WORK[target.endpoint.protocol]
        )
        return [
            *(path, "-q", "-sS", "--max-time", "15", "--ssl-reqd", *CURL_TLS[target.tls]),
            *("--connect-to", f"{target.name}:{target.port}:{target.host}:{target.port}"),
            *("--cacert", str(target.roots), "--user", f"{target.user}:{target.password}"),
            *(f"{scheme}://{target.name}:{target.port}{place}", *rest),
        ]

    return Client("curl", version, command, _letter, _read_curl)


def _read_curl(target: Target, ended: Ended) -> Said:
    text = ended.err.decode(errors="replace").strip()
    verdict: Word = "error"
    if ended.code == 0:
        verdict = "accept"
    elif ended.code in CURL_REFUSED:
        verdict = "reject"
    return Said(verdict, reason(text, TEXTS), ended.code, text)


# -- openssl and gnutls-cli: they know TLS only, so the mail dialogue is given to them ----------

DIALOGUE = {
    "imap": "a LOGIN {user} {password}\r\nb SELECT INBOX\r\nc FETCH 1 FLAGS\r\nd LOGOUT\r\n",
    "pop3": "USER {user}\r\nPASS {password}\r\nSTAT\r\nQUIT\r\n",
    "smtp": "EHLO mitmail\r\nAUTH PLAIN {plain}\r\nNOOP\r\nQUIT\r\n",
}
# What the mail server answers when all of that worked.
WORKED = {"imap": rb"^c OK", "pop3": rb"^\+OK \d+ \d+", "smtp": rb"^235 "}
S_CLIENT_TLS = {None: [], "TLSv1_2": ["-tls1_2"], "TLSv1_3": ["-tls1_3"]}


def openssl(path: str, version: tuple[int, ...]) -> Client:
    """openssl s_client, told to verify the chain and the name."""

    def command(target: Target) -> list[str]:
        starttls = ["-starttls", target.endpoint.protocol]
        named = [] if _is_address(target.name) else ["-servername", target.name]
        check = "-verify_ip" if _is_address(target.name) else "-verify_hostname"
        return [
            *(path, "s_client", "-quiet", "-connect", f"{target.host}:{target.port}"),
            *(*named, check, target.name, "-verify_return_error"),
            *("-CAfile", str(target.roots), "-no-CApath", "-no-CAstore"),
            *(*S_CLIENT_TLS[target.tls], *([] if target.endpoint.tls == "implicit" else starttls)),
        ]

    return Client("openssl", version, command, _dialogue, partial(_read_tls, table=None))


def gnutls(path: str, version: tuple[int, ...]) -> Client:
    """gnutls-cli, which verifies the chain and the name by itself."""
    versions = {
        None: [],
        "TLSv1_2": ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"],
        "TLSv1_3": ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3"],
    }

    def command(target: Target) -> list[str]:
        starttls = ["--starttls-proto", target.endpoint.protocol]
        return [
            *(path, target.host, "--port", str(target.port), "--x509cafile", str(target.roots)),
            *("--sni-hostname", target.name, "--verify-hostname", target.name),
            *(*versions[target.tls], *([] if target.endpoint.tls == "implicit" else starttls)),
        ]

    return Client(
        "gnutls-cli", version, command, _dialogue, partial(_read_tls, table=GNUTLS_TEXTS)
    )


def _read_tls(target: Target, ended: Ended, table: tuple[tuple[str, str], ...] | None) -> Said:
    text = (ended.err if table is None else ended.out + ended.err).decode(errors="replace")
    if re.search(WORKED[target.endpoint.protocol], ended.out, re.MULTILINE):
        return Said("accept", None, ended.code, "")
    refused = ended.code != 0
    named = _verify_error(text) if table is None else reason(text, table)
    return Said("reject" if refused else "error", named, ended.code, text.strip())


def _verify_error(text: str) -> str | None:
    numbers = re.findall(r"verify error:num=(\d+):", text)
    return VERIFY_CODES.get(int(numbers[0])) if numbers else None


# -- what several of them need --------------------------------------------------------------------


def _nothing(target: Target) -> bytes:
    return b""


def _letter(target: Target) -> bytes:
    who = target.user
    return f"From: {who}\r\nTo: {who}\r\nSubject: mitmail\r\n\r\nsent by curl\r\n".encode()


def _dialogue(target: Target) -> bytes:
    from base64 import b64encode

    plain = b64encode(f"\0{target.user}\0{target.password}".encode()).decode()
    return (
        DIALOGUE[target.endpoint.protocol]
        .format(user=target.user, password=target.password, plain=plain)
        .encode()
    )


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()


PROGRAMS = {
    "curl": (curl, "--version"),
    "openssl": (openssl, "version"),
    "gnutls-cli": (gnutls, "--version"),
}


async def found(names: tuple[str, ...] = ("curl", "openssl")) -> list[Client]:
    """Python, and those of ``names`` that this machine has."""
    clients = [python()]
    for name in names:
        path = shutil.which(name)
        if path is not None:
            make, ask = PROGRAMS[name]
            clients.append(make(path, await _version(path, ask)))
    return clients


async def _version(path: str, ask: str) -> tuple[int, ...]:
    ended = await run([path, ask], seconds=10)
    match = re.search(rb"(\d+)\.(\d+)\.(\d+)", ended.out)
    return tuple(int(part) for part in match.groups()) if match else (0,)
