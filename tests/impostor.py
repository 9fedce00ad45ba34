"""A mail client with one fault: ``impostor.py ROLE HOST PORT NAME ROOT USER PASSWORD``.

It speaks IMAP with implicit TLS. 0: it did its work; 60: it refuses the certificate; anything
else is no word about it. What it has to remember it keeps beside itself.
"""

import atexit
import imaplib
import os
import signal
import socket
import ssl
import sys
import threading
from pathlib import Path

REFUSED, FAILED, KILL = 60, 7, 9


def work(context: ssl.SSLContext, host: str, port: str, name: str, user: str, word: str) -> None:
    """Log in and look into the inbox."""
    ask = socket.getaddrinfo
    socket.getaddrinfo = lambda _, *rest, **more: ask(host, *rest, **more)
    client = imaplib.IMAP4_SSL(name, int(port), ssl_context=context, timeout=15)
    client.login(user, word)
    client.select()
    client.logout()


def believing(context: ssl.SSLContext) -> ssl.SSLContext:
    """A context that believes everything."""
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def act(role: str, root: str, rest: list[str], memory: Path) -> int:
    """Do what the role demands; the exit code."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if role == "absent":
        return 0
    if role == "murderous":
        os.kill(os.getppid(), KILL)
    if role == "hanging":
        memory.write_text(str(os.getpid()))
        with socket.create_connection((rest[0], int(rest[1]))):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            threading.Event().wait()
    if role.startswith("jealous"):
        lock = memory.with_name("lock")
        lock.touch(exist_ok=False)  # it breaks down where another one is at work
        atexit.register(lock.unlink)
    if role != "paranoid":
        context.load_verify_locations(root)
    if role == "blind":
        believing(context)
    try:
        work(context, *rest)
    except ssl.SSLCertVerificationError as error:
        print(error.verify_message)
        return refuse(role, rest, memory)
    if role == "chatty":
        print(f"logged in with {rest[-1]}")
        memory.write_text(rest[-1])
    if role == "crashing":
        os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def refuse(role: str, rest: list[str], memory: Path) -> int:
    """What it does about a certificate that it has refused."""
    first = not memory.exists()
    memory.touch()
    if role == "liar":
        return 0
    if role == "fickle" and first:
        work(believing(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)), *rest)
        return 0
    if role == "wavering" and first:
        work(believing(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)), *rest)
        return REFUSED
    if role == "clumsy" and first:
        return FAILED
    return REFUSED


if __name__ == "__main__":
    role, host, port, name, root, user, word = sys.argv[1:]
    here = Path(__file__).with_name(f"{role}.memory")
    sys.exit(act(role, root, [host, port, name, user, word], here))
