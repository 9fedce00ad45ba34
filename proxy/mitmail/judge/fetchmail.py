"""fetchmail: it fetches the mail by IMAP or POP3."""

from dataclasses import replace
from pathlib import Path

from mitmail.judge.client import Client, Job, Said, Target
from mitmail.judge.program import Ended
from mitmail.judge.reason import FETCHMAIL_TEXTS, refusal
from mitmail.judge.resolution import led

CONFIG = """\
set no bouncemail
poll {name} proto {protocol} port {port} timeout {patience}
  user '{user}' password '{password}' is root here keep fetchall
  {ssl} sslproto '{sslproto}' sslcertck sslcertfile {roots} sslcertpath {home}
  mda 'cat >>{home}/mail'
"""
# A version here makes STARTTLS a must: with "auto" fetchmail does without it (fetchmail(1)).
SSLPROTO = {None: "tls1.2+", "TLSv1_2": "tls1.2", "TLSv1_3": "tls1.3"}


def fetchmail(path: str, version: tuple[int, ...]) -> Client:
    """fetchmail, told a version of TLS, so that STARTTLS is not optional."""

    def prepare(target: Target, home: Path) -> Job:
        config = home / "fetchmailrc"
        config.touch(0o600)  # fetchmail reads no other
        config.write_text(
            CONFIG.format(
                name=target.name,
                protocol=target.endpoint.protocol,
                port=target.port,
                patience=target.whole_patience,
                user=target.user,
                password=target.password,
                ssl="ssl" if target.implicit else "",
                sslproto=SSLPROTO[target.tls],
                roots=target.roots,
                home=home,
            )
        )
        command = [path, "-f", str(config), "-v", "-N", "--nosyslog"]
        command += ["--pidfile", str(home / "pid"), "-i", str(home / "ids")]
        return Job(command=command, environment=led(target, home), leaves="mail")

    return Client("fetchmail", version, frozenset({"imap", "pop3"}), prepare, _read_fetchmail)


def _read_fetchmail(target: Target, ended: Ended) -> Said:
    words = ended.err.decode(errors="replace").strip()
    if ended.code == 0 and ended.left:
        return Said("accept", None, 0, words)
    dialogue = ended.out.decode(errors="replace")
    return replace(refusal(ended.code, f"{dialogue}\n{words}", FETCHMAIL_TEXTS), text=words)
