"""What the mail libraries of other languages read from the mail server, change and wait for."""

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from bench import clean_environment, need
from mitmail.judge.node import FOLDER, VARIABLE
from mitmail.mailstore.seed import seed
from proof.build import built
from test_mailstore_server import DEADLINE, PASSWORD, USER, Served, running
from test_message_part import NESTED

READERS = Path(__file__).parent / "readers"
JARS = [Path("/usr/share/java") / name for name in ("javax.mail.jar", "javax.activation.jar")]
GO_LIBRARIES = "/usr/share/gocode"
GO_IMAP = Path(GO_LIBRARIES, "src/github.com/emersion/go-imap")
# imapflow gives text as UTF-8, whatever it is in.
LATIN = (
    b"Subject: latin\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n"
)
MESSAGES = (*seed(USER), NESTED, LATIN)
MAIL = b"Subject: appended\r\n\r\n.dot\r\nend\r\n"


def java() -> list[str]:
    need("javac")  # java compiles a single source file by it
    missing(JARS[0], "libmail-java")
    path = os.pathsep.join(map(str, JARS))
    return [need("java"), "-XX:TieredStopAtLevel=1", "-cp", path, str(READERS / "Read.java")]


def imapflow() -> list[str]:
    folder = Path(os.environ.get(VARIABLE, FOLDER))
    missing(folder / "node_modules" / "imapflow", "make clients")
    return [need("node"), str(READERS / "read.mjs")]


def go() -> list[str]:
    missing(GO_IMAP, "golang-github-emersion-go-imap-dev")
    told = {"GO111MODULE": "off", "GOPATH": GO_LIBRARIES, "GOFLAGS": "", "CGO_ENABLED": "0"}
    told["GOCACHE"] = str(Path.home() / ".cache" / "mitmail-proof" / "go")
    compiler = [need("go"), "build"]
    return [str(built(READERS / "read.go", compiler, mark="go-imap 1.2", extra=told))]


def missing(path: Path, package: str) -> None:
    """Skip here, and fail in CI, where a client's library is not installed."""
    if not path.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{package} is not installed")


LIBRARIES = {"javamail": java, "imapflow": imapflow, "go-imap": go}


@contextlib.contextmanager
def started(command: list[str], served: Served) -> Iterator[subprocess.Popen[str]]:
    folder = os.environ.get(VARIABLE, str(FOLDER))
    told = [str(served.ports["imap"]), USER, PASSWORD, folder]
    environment = clean_environment(LANG="C.UTF-8")
    program = subprocess.Popen(
        [*command, *told], stdout=subprocess.PIPE, encoding="utf-8", env=environment
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate(timeout=DEADLINE)


def await_idling(served: Served) -> None:
    """Wait until a session idles in INBOX."""

    def idles() -> bool:
        sessions = (getattr(x, "__self__", None) for x in served.store.inbox.observers)
        return any(getattr(session, "idling", False) for session in sessions)

    deadline = time.monotonic() + DEADLINE
    while not served.call(idles):
        assert time.monotonic() < deadline, "it does not idle"


def leaves(octets: bytes, *, as_utf8: bool) -> list[tuple[str, str]]:
    """Type and digest of each leaf, as Python's own parser has them."""
    found = []
    for part in message_from_bytes(octets, policy=policy.default).walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if as_utf8 and part.get_content_maintype() == "text":
            content = content.decode(part.get_content_charset("utf-8")).encode()
        digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        found.append((part.get_content_type(), digest))
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="these libraries come from Debian packages")
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_reads_changes_and_hears_of_new_mail(library: str) -> None:
    command = LIBRARIES[library]()
    with running(*MESSAGES) as served, started(command, served) as program:
        assert program.stdout is not None
        lines = []
        for line in program.stdout:
            lines.append(line.rstrip("\n").split("\t"))
            if lines[-1] == ["waiting"]:
                await_idling(served)
                served.call(lambda: served.store.deliver(b"Subject: new\r\n\r\n"))
        assert program.wait(DEADLINE) == 0
        read_what_is_there(library, lines)
        changed_what_it_changed(served)


def read_what_is_there(library: str, lines: list[list[str]]) -> None:
    attributes = {line[1]: line[2].split() for line in lines if line[0] == "folder"}
    assert r"\Sent" in attributes["Sent"]
    assert set(attributes) == {"INBOX", "Sent", "Drafts", "Trash"}
    subjects = [line[2] for line in lines if line[0] == "message"]
    assert subjects == [message_from_bytes(m, policy=policy.default)["Subject"] for m in MESSAGES]
    for number, message in enumerate(MESSAGES, 1):
        found = [(x[2], x[3]) for x in lines if x[:2] == ["leaf", str(number)]]
        assert found == leaves(message, as_utf8=library == "imapflow"), message
    assert [line[1] for line in lines if line[0] == "found"] == ["4"]
    assert lines[-1] == ["new", str(len(MESSAGES) + 1)]


def changed_what_it_changed(served: Served) -> None:
    store = served.store
    first = served.call(lambda: store.inbox.messages[1].flags)
    assert first - {r"\Seen"} == {r"\Flagged", "$Label"}
    assert [m.octets for m in store.mailbox("Sent").messages.values()] == [MAIL]
    assert [m.octets for m in store.mailbox("Trash").messages.values()] == [MESSAGES[1]]
    assert "Made" in store.mailboxes
