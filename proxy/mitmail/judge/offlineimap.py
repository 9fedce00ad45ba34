"""offlineimap3: it copies the INBOX of an IMAP server into a Maildir."""

from pathlib import Path

from mitmail.judge.client import Client, Job, Said, Target
from mitmail.judge.program import Ended
from mitmail.judge.reason import OFFLINEIMAP_TEXTS, refusal
from mitmail.judge.resolution import led

CONFIG = """\
[general]
accounts = a
metadata = {home}/meta
socktimeout = {patience}
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {home}/mail
[Repository far]
type = IMAP
remotehost = {name}
remoteport = {port}
remoteuser = {user}
remotepass = {password}
maxconnections = 1
retrycount = 1
ssl = {ssl}
starttls = {starttls}
sslcacertfile = {roots}
folderfilter = lambda folder: folder == 'INBOX'
"""


def offlineimap(path: str, version: tuple[int, ...]) -> Client:
    """offlineimap3 with ``ssl = yes`` or ``starttls = yes``; no version of TLS can be pinned.

    With STARTTLS it never verifies a certificate (offlineimap3 issue 222): that is its own.
    """

    def prepare(target: Target, home: Path) -> Job:
        config = home / "offlineimaprc"
        config.touch(0o600)
        config.write_text(
            CONFIG.format(
                home=home,
                patience=target.whole_patience,
                name=target.name,
                port=target.port,
                user=target.user,
                password=target.password.replace("%", "%%"),
                ssl="yes" if target.implicit else "no",
                starttls="no" if target.implicit else "yes",
                roots=target.roots,
            )
        )
        command = [path, "-c", str(config), "-o", "-1", "-u", "basic"]
        return Job(command=command, environment=led(target, home), leaves="mail/INBOX/*/*")

    return Client("offlineimap3", version, frozenset({"imap"}), prepare, _read_offlineimap)


def _read_offlineimap(target: Target, ended: Ended) -> Said:
    text = (ended.out + ended.err).decode(errors="replace").strip()
    if ended.code == 0 and ended.left:
        return Said("accept", None, 0, "")
    # What follows is where in its own code it was.
    text = text.partition("\n\nTraceback")[0]
    return refusal(ended.code, text, OFFLINEIMAP_TEXTS)
