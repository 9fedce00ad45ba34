"""What real mail clients do with the mail server, in clear text."""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from bench import clean_environment, need
from mitmail.mailstore.seed import seed
from test_mailstore_server import DEADLINE, PASSWORD, USER, Served, running

if sys.platform == "win32":
    pytest.skip("these clients are Unix programs", allow_module_level=True)

import pty

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

SEED = seed(USER)
KINDS = ("cur", "new", "tmp")  # the folders of a Maildir
MAIL = (
    b"From: bob@example.test\r\nTo: qa@customer.test\r\nSubject: sent\r\n\r\n.dot\r\n..\r\nend\r\n"
)


@pytest.fixture
def served() -> Iterator[Served]:
    with running(*SEED) as served:
        yield served


def run(home: Path, *command: str, given: bytes = b"") -> bytes:
    """Run a client to its end; what it printed."""
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        timeout=DEADLINE,
        env=clean_environment(HOME=str(home)),
        cwd=home,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def curl(home: Path, served: Served, protocol: str, path: str = "", *options: str) -> bytes:
    url = f"{protocol}://127.0.0.1:{served.ports[protocol]}/{path}"
    return run(home, need("curl"), "-sS", "-m", "9", "-u", f"{USER}:{PASSWORD}", *options, url)


def inbox(served: Served) -> list[bytes]:
    return served.call(lambda: [m.octets for m in served.store.inbox.messages.values()])


def test_curl_lists_mailboxes_and_fetches_every_message(served: Served, tmp_path: Path) -> None:
    listed = curl(tmp_path, served, "imap")
    assert [line.split()[-1] for line in listed.splitlines()] == [
        *(b'"INBOX"', b'"Drafts"', b'"Sent"', b'"Trash"')
    ]
    for number, message in enumerate(SEED, 1):
        assert curl(tmp_path, served, "imap", f"INBOX;MAILINDEX={number}") == message
        assert curl(tmp_path, served, "imap", f"INBOX;UID={number}") == message


def test_curl_searches_and_fetches_a_part(served: Served, tmp_path: Path) -> None:
    assert curl(tmp_path, served, "imap", "INBOX?SUBJECT%20invoice") == b"* SEARCH 4\r\n"
    headers = curl(tmp_path, served, "imap", "INBOX;UID=4;SECTION=HEADER")
    assert SEED[3].startswith(headers)
    assert headers.endswith(b"\r\n\r\n")


def test_curl_appends_octet_for_octet(served: Served, tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(MAIL)
    curl(tmp_path, served, "imap", "Sent", "-T", str(tmp_path / "mail"))
    sent = served.call(lambda: list(served.store.mailbox("Sent").messages.values()))
    assert [message.octets for message in sent] == [MAIL]


def test_curl_sends(served: Served, tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(MAIL)
    addresses = ("--mail-from", "bob@example.test", "--mail-rcpt", USER)
    curl(tmp_path, served, "smtp", "", *addresses, "-T", str(tmp_path / "mail"))
    assert inbox(served)[5:] == [MAIL]


def test_curl_lists_and_retrieves_by_pop3(served: Served, tmp_path: Path) -> None:
    listed = curl(tmp_path, served, "pop3").split()
    assert listed[1::2] == [str(len(message)).encode() for message in SEED]
    for number, message in enumerate(SEED, 1):
        assert curl(tmp_path, served, "pop3", str(number)) == message


@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
@pytest.mark.parametrize("protocol", ["imap", "pop3", "smtp"])
def test_curl_authenticates_with_every_mechanism(
    served: Served, tmp_path: Path, protocol: str, mechanism: str
) -> None:
    options = ["--login-options", f"AUTH={mechanism}"]
    if mechanism == "PLAIN":
        options += ["--sasl-ir"]
    if protocol == "smtp":
        options += ["-X", "NOOP"]
    curl(tmp_path, served, protocol, "", *options)


def test_curl_is_refused_with_a_wrong_password(served: Served, tmp_path: Path) -> None:
    for protocol, port in served.ports.items():
        url = f"{protocol}://127.0.0.1:{port}/"
        command = [need("curl"), "-sS", "-m", "9", "-u", f"{USER}:wrong", url]
        begin = time.monotonic()
        done = subprocess.run(command, env=clean_environment(), capture_output=True, check=False)
        assert done.returncode == 67, done.stderr
        assert time.monotonic() - begin < 1


def test_msmtp_sends(served: Served, tmp_path: Path) -> None:
    for mechanism in ("plain", "login"):
        run(
            tmp_path,
            *(need("msmtp"), "--file=/dev/null", "--timeout=8", "--host=127.0.0.1", "--tls=off"),
            *(f"--port={served.ports['smtp']}", f"--auth={mechanism}", f"--user={USER}"),
            *("--set-date-header=off", "--set-msgid-header=off"),
            *(f"--passwordeval=echo '{PASSWORD}'", "--from=bob@example.test", USER),
            given=MAIL.replace(b"\r\n", b"\n"),
        )
    assert inbox(served)[5:] == [MAIL, MAIL]


MBSYNC = """\
IMAPAccount a
Host 127.0.0.1
Port {port}
User {user}
Pass "{password}"
Timeout 8
AuthMechs {mechanism}
SSLType None

IMAPStore r
Account a

MaildirStore l
Path {home}/m/
Inbox {home}/m/INBOX

Channel c
Far :r:
Near :l:
Patterns *
Create Both
Expunge Both
SyncState *
"""


@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
def test_mbsync_pulls_and_pushes(served: Served, tmp_path: Path, mechanism: str) -> None:
    settings = {"port": served.ports["imap"], "user": USER, "password": PASSWORD}
    rc = MBSYNC.format(**settings, home=tmp_path, mechanism=mechanism)
    (tmp_path / "rc").write_text(rc)
    (tmp_path / "m").mkdir()
    run(tmp_path, need("mbsync"), "-c", "rc", "c")
    pulled = sorted((tmp_path / "m/INBOX").glob("*/*,U=*"), key=lambda p: int(_uid(p)))
    # mbsync marks what it copies with an X-TUID line, and keeps LF locally.
    assert [without_tuid(path.read_bytes()) for path in pulled] == [
        m.replace(b"\r\n", b"\n") for m in SEED
    ]

    (tmp_path / "m/Sent/new/mine").write_bytes(MAIL.replace(b"\r\n", b"\n"))
    seen = pulled[0].with_name(pulled[0].name.partition(":")[0] + ":2,S")
    pulled[0].rename(seen.parent.parent / "cur" / seen.name)
    pulled[1].rename(pulled[1].parent.parent / "cur" / f"{pulled[1].name.partition(':')[0]}:2,T")
    run(tmp_path, need("mbsync"), "-c", "rc", "c")
    pushed = served.call(lambda: list(served.store.mailbox("Sent").messages.values()))
    assert [without_tuid(message.octets) for message in pushed] == [MAIL]
    assert pushed[0].octets.endswith(b"end\r\n")
    left = served.call(lambda: dict(served.store.inbox.messages))
    assert left[1].flags == {r"\Seen"}
    assert list(left) == [1, 3, 4, 5]


def test_mbsync_makes_a_folder_on_the_server(served: Served, tmp_path: Path) -> None:
    settings = {"port": served.ports["imap"], "user": USER, "password": PASSWORD}
    (tmp_path / "rc").write_text(MBSYNC.format(**settings, home=tmp_path, mechanism="PLAIN"))
    for kind in KINDS:
        (tmp_path / "m/Work" / kind).mkdir(parents=True)
    (tmp_path / "m/Work/cur/mine:2,FS").write_bytes(MAIL.replace(b"\r\n", b"\n"))
    run(tmp_path, need("mbsync"), "-c", "rc", "c")
    made = served.call(lambda: list(served.store.mailbox("Work").messages.values()))
    assert [(without_tuid(m.octets), set(m.flags)) for m in made] == [
        (MAIL, {r"\Flagged", r"\Seen"})
    ]


OFFLINEIMAP = """\
[general]
accounts = a
metadata = {home}/meta
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {home}/m
sep = /
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = no
starttls = no
maxconnections = 1
retrycount = 1
"""


def test_offlineimap_pulls_and_pushes(served: Served, tmp_path: Path) -> None:
    def sync() -> None:
        run(tmp_path, need("offlineimap"), "-c", "rc", "-o", "-u", "basic")

    settings = {"port": served.ports["imap"], "user": USER, "password": PASSWORD}
    (tmp_path / "rc").write_text(OFFLINEIMAP.format(**settings, home=tmp_path))
    sync()
    pulled = sorted((tmp_path / "m/INBOX").glob("*/*,U=*"), key=lambda p: int(_uid(p)))
    assert [path.read_bytes() for path in pulled] == [m.replace(b"\r\n", b"\n") for m in SEED]

    (tmp_path / "m/Sent/new/1_0.1.here,U=0,FMD5=0:2,").write_bytes(MAIL.replace(b"\r\n", b"\n"))
    for folder in (f"{name}/{kind}" for name in ("Work", "Work/Deep") for kind in KINDS):
        (tmp_path / "m" / folder).mkdir(parents=True)
    flagged = f"{pulled[0].name.partition(':')[0]}:2,FS"
    pulled[0].rename(tmp_path / "m/INBOX/cur" / flagged)
    pulled[1].unlink()
    sync()
    pushed = served.call(lambda: list(served.store.mailbox("Sent").messages.values()))
    assert [without(b"X-OfflineIMAP:", m.octets) for m in pushed] == [MAIL]
    left = served.call(lambda: dict(served.store.inbox.messages))
    assert left[1].flags == {r"\Flagged", r"\Seen"}
    assert list(left) == [1, 3, 4, 5]
    assert "Work/Deep" in served.call(lambda: set(served.store.mailboxes))


def _uid(path: Path) -> str:
    return path.name.partition(",U=")[2].partition(":")[0].partition(",")[0]


def without_tuid(octets: bytes) -> bytes:
    return without(b"X-TUID:", octets)


def without(field: bytes, octets: bytes) -> bytes:
    return b"".join(line for line in octets.splitlines(True) if not line.startswith(field))


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_fetchmail_fetches_all(served: Served, tmp_path: Path, protocol: str) -> None:
    rc = tmp_path / "rc"
    rc.write_text(
        "set no bouncemail\n"
        f"poll 127.0.0.1 proto {protocol} port {served.ports[protocol]} timeout 8 "
        f"user '{USER}' password '{PASSWORD}' is root here keep fetchall sslproto '' "
        f"mda 'cat >>{tmp_path}/mbox'\n"
    )
    rc.chmod(0o600)
    run(tmp_path, need("fetchmail"), "-f", str(rc), "-N", "--nosyslog", "-i", str(tmp_path / "id"))
    mbox = (tmp_path / "mbox").read_bytes()
    for message in SEED:
        text = message.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n")
        assert text in mbox


NEOMUTT = """\
set imap_user={user}
set imap_pass="{password}"
set imap_authenticators='login'
set smtp_url=smtp://{escaped}@127.0.0.1:{smtp}
set smtp_pass="{password}"
set smtp_authenticators='plain'
set from=qa@customer.test
set copy=no
set folder={home}
set header_cache=""
set ssl_starttls=no
set ssl_force_tls=no
set wait_key=no
set sort=date
set index_format="<%s|%Z>"
"""


def neomutt_rc(served: Served, home: Path) -> str:
    settings = {"user": USER, "escaped": quote(USER), "password": PASSWORD, "home": home}
    (home / "rc").write_text(NEOMUTT.format(**settings, smtp=served.ports["smtp"]))
    return str(home / "rc")


def test_neomutt_sends(served: Served, tmp_path: Path) -> None:
    rc = neomutt_rc(served, tmp_path)
    run(tmp_path, need("neomutt"), "-n", "-F", rc, "-s", "hi", USER, given=b"hello\n")
    assert b"\r\nSubject: hi\r\n" in inbox(served)[5]
    assert inbox(served)[5].endswith(b"\r\n\r\nhello\r\n")


def test_neomutt_shows_the_index(served: Served, tmp_path: Path) -> None:
    rc = neomutt_rc(served, tmp_path)
    url = f"imap://127.0.0.1:{served.ports['imap']}/INBOX"
    with screen(need("neomutt"), "-n", "-F", rc, "-f", url, home=tmp_path) as terminal:
        shown = read_until(terminal, b"<Build log|")
    for subject in (b"<Maintenance window on Thursday|", b"<Invoice 2041|"):
        assert subject in shown


def test_neomutt_shows_decoded_text(served: Served, tmp_path: Path) -> None:
    rc = neomutt_rc(served, tmp_path)
    url = f"imap://127.0.0.1:{served.ports['imap']}/INBOX"
    with screen(
        *(need("neomutt"), "-n", "-F", rc, "-e", 'push "<jump>2<enter><display-message>"'),
        *("-f", url),
        home=tmp_path,
    ) as terminal:
        shown = read_until(terminal, "Schöne Grüße aus München!".encode())
    assert "Subject: Grüße aus München".encode() in shown


def test_neomutt_flags_copies_and_deletes(served: Served, tmp_path: Path) -> None:
    rc = neomutt_rc(served, tmp_path)
    url = f"imap://127.0.0.1:{served.ports['imap']}/"
    keys = (
        f"<jump>1<enter><flag-message><copy-message><kill-line>{url}Trash<enter>"
        "<jump>3<enter><delete-message><sync-mailbox><quit>"
    )
    command = (need("neomutt"), "-n", "-F", rc, "-e", "set delete=yes confirmappend=no resolve=no")
    with screen(*command, "-e", f'push "{keys}"', "-f", f"{url}INBOX", home=tmp_path) as terminal:
        read_to_end(terminal)
    left = served.call(lambda: dict(served.store.inbox.messages))
    assert list(left) == [1, 2, 4, 5]
    assert r"\Flagged" in left[1].flags
    copied = served.call(lambda: list(served.store.mailbox("Trash").messages.values()))
    assert [message.octets for message in copied] == [SEED[0]]


@contextlib.contextmanager
def screen(*command: str, home: Path) -> Iterator[int]:
    """A program on a terminal of its own, for those that run on nothing else."""
    terminal, theirs = pty.openpty()
    size = {"COLUMNS": "120", "LINES": "40", "TERM": "xterm", "LANG": "C.UTF-8"}
    environment = clean_environment(HOME=str(home), **size)
    program = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=home
    )
    os.close(theirs)
    try:
        yield terminal
    finally:
        program.kill()
        program.wait(DEADLINE)
        os.close(terminal)


def read_to_end(terminal: int) -> None:
    """Read until the program has ended; Linux then says EIO."""
    deadline = time.monotonic() + DEADLINE
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0] and not os.read(terminal, 65536):
                return
        pytest.fail("the program does not end")


def read_until(terminal: int, text: bytes) -> bytes:
    shown, deadline = b"", time.monotonic() + DEADLINE
    while text not in shown and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536)
    assert text in shown, shown
    return shown


@pytest.mark.parametrize("protocol", ["imap", "pop3", "smtp"])
def test_bare_line_feeds_end_lines_too(served: Served, protocol: str) -> None:
    scripts = {
        "imap": (b'a LOGIN "%b" "%b"\nb LOGOUT\n', b"b OK"),
        "pop3": (b"USER %b\nPASS %b\nQUIT\n", b"+OK Bye"),
        "smtp": (b"EHLO %b\nNOOP %b\nQUIT\n", b"221"),
    }
    script, last = scripts[protocol]
    with served.raw(protocol) as connection:
        connection.sendall(script % (USER.encode(), PASSWORD.encode()))
        answers = b""
        while chunk := connection.recv(65536):
            answers += chunk
    assert last in answers
