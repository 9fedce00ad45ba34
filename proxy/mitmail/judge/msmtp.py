"""msmtp: it sends one mail by SMTP."""

from pathlib import Path

from mitmail.judge.client import Client, Job, Said, Target, letter
from mitmail.judge.program import Ended
from mitmail.judge.reason import MSMTP_TEXTS, refusal
from mitmail.judge.resolution import led

CONFIG = """\
account default
host {name}
port {port}
timeout {patience}
tls on
tls_starttls {starttls}
tls_trust_file {roots}
auth plain
user {user}
password {password}
from {user}
"""
TLS = {
    None: "",
    "TLSv1_2": "tls_priorities NORMAL:-VERS-ALL:+VERS-TLS1.2\n",
    "TLSv1_3": "tls_priorities NORMAL:-VERS-ALL:+VERS-TLS1.3\n",
}


def msmtp(path: str, version: tuple[int, ...]) -> Client:
    """msmtp, told that TLS is on: STARTTLS is not optional then."""

    def prepare(target: Target, home: Path) -> Job:
        config = home / "msmtprc"
        config.touch(0o600)
        config.write_text(
            CONFIG.format(
                name=target.name,
                port=target.port,
                patience=target.whole_patience,
                starttls="off" if target.implicit else "on",
                roots=target.roots,
                user=target.user,
                password=target.password,
            )
            + TLS[target.tls]
        )
        command = [path, f"--file={config}", target.user]
        return Job(command=command, give=letter(target, "msmtp"), environment=led(target, home))

    return Client("msmtp", version, frozenset({"smtp"}), prepare, _read_msmtp)


def _read_msmtp(target: Target, ended: Ended) -> Said:
    text = ended.err.decode(errors="replace").strip()
    if ended.code == 0:
        return Said("accept", None, 0, text)
    return refusal(ended.code, text, MSMTP_TEXTS)
