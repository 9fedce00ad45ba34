"""mbsync (isync): it copies the INBOX of an IMAP server into a Maildir."""

from pathlib import Path

from mitmail.judge.client import Client, Job, Said, Target
from mitmail.judge.program import Ended
from mitmail.judge.reason import MBSYNC_TEXTS, refusal
from mitmail.judge.resolution import led

# The empty lines between the sections matter to mbsync.
CONFIG = """\
IMAPAccount a
Host {name}
Port {port}
User {user}
Pass "{password}"
Timeout {patience}
AuthMechs LOGIN
SSLType {tls}
SSLVersions {versions}
CertificateFile {roots}
SystemCertificates no

IMAPStore far
Account a

MaildirStore near
Path {home}/mail/
Inbox {home}/mail/INBOX

Channel c
Far :far:
Near :near:
Patterns INBOX
Create Near
SyncState *
"""
VERSIONS = {None: "TLSv1.2 TLSv1.3", "TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}


def mbsync(path: str, version: tuple[int, ...]) -> Client:
    """mbsync with ``SSLType STARTTLS``, which does without TLS never, or ``IMAPS``."""

    def prepare(target: Target, home: Path) -> Job:
        (home / "mail").mkdir()
        config = home / "mbsyncrc"
        config.touch(0o600)
        config.write_text(
            CONFIG.format(
                name=target.name,
                port=target.port,
                user=target.user,
                password=target.password,
                patience=target.whole_patience,
                tls="IMAPS" if target.implicit else "STARTTLS",
                versions=VERSIONS[target.tls],
                roots=target.roots,
                home=home,
            )
        )
        command = [path, "-c", str(config), "c"]
        return Job(command=command, environment=led(target, home), leaves="mail/INBOX/*/*")

    return Client("mbsync", version, frozenset({"imap"}), prepare, _read_mbsync)


def _read_mbsync(target: Target, ended: Ended) -> Said:
    text = (ended.out + ended.err).decode(errors="replace").strip()
    if ended.code == 0 and ended.left:
        return Said("accept", None, 0, text)
    return refusal(ended.code, text, MBSYNC_TEXTS)
