"""mbsync told what to do: to copy the INBOX of one server into a Maildir, over implicit TLS."""

from pathlib import Path

CONFIGURATION = """\
IMAPAccount a
Host {name}
Port {port}
User {user}
Pass "{password}"
AuthMechs LOGIN
SSLType IMAPS
CertificateFile {root}
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


def command(home: Path, **account: object) -> list[str]:
    """The command, without its program; the mails come to be in ``mail/INBOX`` below ``home``.

    ``account`` is name, port, user, password and root, the file of what is trusted.
    """
    (home / "mail").mkdir()
    file = home / "mbsyncrc"
    file.write_text(CONFIGURATION.format(**account, home=home))
    return ["-c", str(file), "c"]
