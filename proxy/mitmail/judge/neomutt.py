"""neomutt: it opens the INBOX of an IMAP server on a terminal, and sends one mail by SMTP."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from mitmail.endpoint import MailProtocol
from mitmail.judge.client import Client, Job, Said, Target
from mitmail.judge.program import Ended
from mitmail.judge.reason import NEOMUTT_TEXTS, refusal
from mitmail.judge.resolution import led

CONFIG = """\
set from="{user}"
set copy=no
set folder="{home}"
set tmpdir="{home}"
set wait_key=no
set sleep_time=0
set connect_timeout={patience}
set certificate_file="{home}/none"
set ssl_ca_certificates_file="{roots}"
set ssl_starttls=yes
set ssl_force_tls=yes
set ssl_use_tlsv1_2={tls12}
set ssl_use_tlsv1_3={tls13}
set imap_user="{user}"
set imap_pass="{password}"
set imap_authenticators="login"
set smtp_url="{smtp_url}"
set smtp_pass="{password}"
set smtp_authenticators="plain"
"""


SPEAKS: frozenset[MailProtocol] = frozenset({"imap", "smtp"})
# What it paints when the INBOX is open, with mail in it, and when it asks about a certificate.
OPENED = re.compile(rb"NeoMutt: imaps?://\S+ \[Msgs:[1-9]")
SHOWN = re.compile(OPENED.pattern + rb"|\(r\)eject, accept \(o\)nce|\[Msgs:0")
CONTROL = re.compile(r"\x1b[\[(][0-9;?]*[A-Za-z]|\x1b.|[\x00-\x1f]")
# While it sends a mail there is no menu but that of the question about the certificate.
ASKED = "menu_repaint()"


def neomutt(path: str, version: tuple[int, ...]) -> Client:
    """neomutt with ``ssl_starttls`` and ``ssl_force_tls``; nobody answers what it asks."""

    def prepare(target: Target, home: Path) -> Job:
        smtp = "smtps" if target.implicit else "smtp"
        who = quote(target.user, safe="")
        config = home / "neomuttrc"
        config.touch(0o600)
        config.write_text(
            CONFIG.format(
                user=target.user,
                home=home,
                patience=target.whole_patience,
                roots=target.roots,
                tls12="no" if target.tls == "TLSv1_3" else "yes",
                tls13="no" if target.tls == "TLSv1_2" else "yes",
                password=target.password,
                smtp_url=f"{smtp}://{who}@{target.name}:{target.port}",
            )
        )
        command = [path, "-n", "-F", str(config)]
        environment = led(target, home)
        if target.endpoint.protocol == "smtp":
            # Without a terminal it is silent about certificates, but its log is not.
            command += ["-d", "5", "-l", str(home / "log"), "-s", "mitmail", target.user]
            body = b"sent by neomutt\n"
            return Job(command=command, give=body, environment=environment, leaves="log0")
        imap = "imaps" if target.implicit else "imap"
        command += ["-f", f"{imap}://{target.name}:{target.port}/INBOX"]
        return Job(command=command, environment=environment, until=SHOWN)

    return Client("neomutt", version, SPEAKS, prepare, _read_neomutt, on_screen=True)


def _read_neomutt(target: Target, ended: Ended) -> Said:
    text = (ended.out + ended.err).decode(errors="replace").strip()
    if target.endpoint.protocol == "imap":
        if OPENED.search(ended.out):
            return Said("accept", None, ended.code, "")
        said = refusal(ended.code, CONTROL.sub(" ", text), NEOMUTT_TEXTS)
        return replace(said, text=" ".join(said.text.split()))
    if ended.code == 0:
        return Said("accept", None, 0, text)
    log = ended.left.decode(errors="replace")
    if ASKED in log:
        words = "it opened its question about the certificate, and nobody could answer"
        return Said("reject", None, ended.code, words)
    return replace(refusal(ended.code, f"{text}\n{log}", NEOMUTT_TEXTS), text=text)
