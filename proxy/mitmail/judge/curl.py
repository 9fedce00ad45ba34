"""curl: it fetches a mail by IMAP and POP3, and sends one by SMTP."""

from mitmail.judge.client import Client, Said, Target, Word
from mitmail.judge.program import Ended
from mitmail.judge.reason import TEXTS, reason

WORK = {
    "imap": ["/INBOX;MAILINDEX=1"],
    "pop3": ["/1"],
    "smtp": ["", "--mail-from", "{user}", "--mail-rcpt", "{user}", "--upload-file", "-"],
}
TLS = {
    None: [],
    "TLSv1_2": ["--tls-max", "1.2"],
    "TLSv1_3": ["--tlsv1.3"],
}
# curl(1), EXIT CODES: what a certificate or TLS can cause, and nothing else.
REFUSED = frozenset({35, 51, 60, 83, 91})


def curl(path: str, version: tuple[int, ...]) -> Client:
    """curl, told to insist on TLS."""

    def command(target: Target) -> list[str]:
        scheme = target.endpoint.protocol + ("s" if target.endpoint.tls == "implicit" else "")
        place, *rest = (part.format(user=target.user) for part in WORK[target.endpoint.protocol])
        return [
            *(path, "-q", "-sS", "--max-time", "15", "--ssl-reqd", *TLS[target.tls]),
            *("--connect-to", f"{target.name}:{target.port}:{target.host}:{target.port}"),
            # Debian's curl goes on to trust its default CApath; this folder has no hash links.
            *("--cacert", str(target.roots), "--capath", str(target.roots.parent)),
            *("--user", f"{target.user}:{target.password}"),
            *(f"{scheme}://{target.name}:{target.port}{place}", *rest),
        ]

    return Client("curl", version, command, _letter, _read_curl)


def _read_curl(target: Target, ended: Ended) -> Said:
    text = ended.err.decode(errors="replace").strip()
    verdict: Word = "error"
    if ended.code == 0:
        verdict = "accept"
    elif ended.code in REFUSED:
        verdict = "reject"
    return Said(verdict, reason(text, TEXTS), ended.code, text)


def _letter(target: Target) -> bytes:
    who = target.user
    return f"From: {who}\r\nTo: {who}\r\nSubject: mitmail\r\n\r\nsent by curl\r\n".encode()
