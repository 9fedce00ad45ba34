"""openssl and gnutls-cli: they know TLS only, so the mail dialogue is given to them."""

import re
from base64 import b64encode
from functools import partial
from pathlib import Path

from mitmail.engine.context import is_address
from mitmail.judge.client import ALL, Client, Job, Said, Target
from mitmail.judge.program import Ended
from mitmail.judge.reason import GNUTLS_TEXTS, Table, ended_early, reason, verify_error

DIALOGUE = {
    "imap": "a LOGIN {user} {password}\r\nb SELECT INBOX\r\nc FETCH 1 FLAGS\r\nd LOGOUT\r\n",
    "pop3": "USER {user}\r\nPASS {password}\r\nSTAT\r\nQUIT\r\n",
    "smtp": "EHLO mitmail\r\nAUTH PLAIN {plain}\r\nNOOP\r\nQUIT\r\n",
}
# What the mail server answers when all of that worked.
WORKED = {"imap": rb"^c OK", "pop3": rb"^\+OK \d+ \d+", "smtp": rb"^235 "}
# What they say when it was TLS that failed: OpenSSL's number or its error stack, GnuTLS' words.
# An end that came too early is the other side's.
REFUSED = (
    *("verify error:num=", ":SSL routines:", "Error in the certificate", "handshake failed"),
    *("An unexpected TLS packet was received", "A TLS fatal alert has been received"),
    "Key usage violation",
)
S_CLIENT_TLS = {None: [], "TLSv1_2": ["-tls1_2"], "TLSv1_3": ["-tls1_3"]}


def openssl(path: str, version: tuple[int, ...]) -> Client:
    """openssl s_client, told to verify the chain and the name."""

    def prepare(target: Target, home: Path) -> Job:
        starttls = ["-starttls", target.endpoint.protocol]
        named = [] if is_address(target.name) else ["-servername", target.name]
        check = "-verify_ip" if is_address(target.name) else "-verify_hostname"
        command = [
            *(path, "s_client", "-quiet", "-connect", f"{target.host}:{target.port}"),
            *(*named, check, target.name, "-verify_return_error"),
            *("-CAfile", str(target.roots), "-no-CApath", "-no-CAstore"),
            *(*S_CLIENT_TLS[target.tls], *([] if target.implicit else starttls)),
        ]
        return Job(command=command, give=_dialogue(target), grace=0)

    return Client("openssl", version, ALL, prepare, partial(_read_tls, table=None))


def gnutls(path: str, version: tuple[int, ...]) -> Client:
    """gnutls-cli, which verifies the chain and the name by itself."""
    versions = {
        None: [],
        "TLSv1_2": ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"],
        "TLSv1_3": ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3"],
    }

    def prepare(target: Target, home: Path) -> Job:
        starttls = ["--starttls-proto", target.endpoint.protocol]
        command = [
            *(path, target.host, "--port", str(target.port), "--x509cafile", str(target.roots)),
            *("--sni-hostname", target.name, "--verify-hostname", target.name),
            *(*versions[target.tls], *([] if target.implicit else starttls)),
        ]
        return Job(command=command, give=_dialogue(target), grace=0)

    return Client("gnutls-cli", version, ALL, prepare, partial(_read_tls, table=GNUTLS_TEXTS))


def _read_tls(target: Target, ended: Ended, table: Table | None) -> Said:
    text = (ended.err if table is None else ended.out + ended.err).decode(errors="replace")
    if re.search(WORKED[target.endpoint.protocol], ended.out, re.MULTILINE):
        return Said("accept", None, ended.code, "")
    named = verify_error(text) if table is None else reason(text, table)
    # They end with 1 for whatever goes wrong, also for a connection that could not be made.
    failed = named is not None or any(word in text for word in REFUSED)
    refused = ended.code != 0 and failed and not ended_early(text)
    return Said("reject" if refused else "error", named, ended.code, text.strip())


def _dialogue(target: Target) -> bytes:
    plain = b64encode(f"\0{target.user}\0{target.password}".encode()).decode()
    return (
        DIALOGUE[target.endpoint.protocol]
        .format(user=target.user, password=target.password, plain=plain)
        .encode()
    )
