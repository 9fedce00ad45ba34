"""curl: it fetches a mail by IMAP and POP3, and sends one by SMTP."""

from pathlib import Path

from mitmail.judge.client import ALL, Client, Job, Said, Target, Word, letter
from mitmail.judge.program import Ended
from mitmail.judge.reason import CURL_TEXTS, ended_early, reason

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
# curl(1), EXIT CODES: what a certificate, TLS or STARTTLS can cause, and nothing else.
REFUSED = frozenset({35, 51, 60, 64, 83, 91})


def curl(path: str, version: tuple[int, ...]) -> Client:
    """curl, told to insist on TLS."""
    return _curl("curl", "--ssl-reqd", path, version)


def curl_ssl(path: str, version: tuple[int, ...]) -> Client:
    """curl with ``--ssl``: it takes STARTTLS where it is offered, and goes on without it."""
    return _curl("curl-ssl", "--ssl", path, version)


def _curl(name: str, insist: str, path: str, version: tuple[int, ...]) -> Client:
    def prepare(target: Target, home: Path) -> Job:
        scheme = target.endpoint.protocol + ("s" if target.implicit else "")
        place, *rest = (part.format(user=target.user) for part in WORK[target.endpoint.protocol])
        command = [
            *(path, "-q", "-sS", "--max-time", str(target.patience), *TLS[target.tls]),
            *(() if target.endpoint.tls == "plain" else (insist,)),
            *("--connect-to", f"{target.name}:{target.port}:{target.host}:{target.port}"),
            # Debian's curl goes on to trust its default CApath; this folder has no hash links.
            *("--cacert", str(target.roots), "--capath", str(home)),
            *("--user", f"{target.user}:{target.password}"),
            *(f"{scheme}://{target.name}:{target.port}{place}", *rest),
        ]
        return Job(command=command, give=letter(target, "curl"))

    return Client(name, version, ALL, prepare, _read_curl)


def _read_curl(target: Target, ended: Ended) -> Said:
    text = ended.err.decode(errors="replace").strip()
    verdict: Word = "error"
    if ended.code == 0:
        verdict = "accept"
    elif ended.code in REFUSED and not ended_early(text):
        verdict = "reject"
    return Said(verdict, reason(text, CURL_TEXTS), ended.code, text)
