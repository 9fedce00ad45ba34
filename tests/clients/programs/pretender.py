"""A mail client with a character: pretender.py CHARACTER. It is told its job by MITMAIL_HOST."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

TOLD = {key: os.environ[f"MITMAIL_{key}"] for key in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}

WAITS = "import signal; signal.alarm(60); signal.pause()"  # for whoever ends it


def work(context: ssl.SSLContext) -> None:
    """Log in by IMAP over TLS."""
    with (
        socket.create_connection((TOLD["HOST"], int(TOLD["PORT"])), 10) as plain,
        context.wrap_socket(plain, server_hostname=TOLD["NAME"]) as secured,
    ):
        secured.recv(4096)
        secured.sendall(f"a LOGIN {TOLD['USER']} {TOLD['PASSWORD']}\r\n".encode())
        assert b"a OK" in secured.recv(4096)
        secured.sendall(b"b LOGOUT\r\n")


def blind() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def honest() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ["MITMAIL_ROOT"])


def main(character: str) -> int:
    context = {"blind": blind, "paranoid": ssl.create_default_context}.get(character, honest)()
    if character == "absent":
        return 0
    if character == "hanging":
        with socket.create_connection((TOLD["HOST"], int(TOLD["PORT"]))) as connection:
            while connection.recv(65536):  # until the server has had enough of it
                pass
    if character == "crashing":
        with socket.create_connection((TOLD["HOST"], int(TOLD["PORT"]))):
            os.kill(os.getpid(), signal.SIGSEGV)
    if character == "mother":
        child = subprocess.Popen([sys.executable, "-c", WAITS])
        Path(sys.argv[2]).write_text(str(child.pid))
    if character == "flooding":
        for _ in range(400):
            os.write(1, b"x" * 65536)
    try:
        work(context)
    except ssl.SSLCertVerificationError as error:
        said: dict[str, str | None] = {
            "verdict": "reject",
            "reason": "expired",
            "detail": error.verify_message,
        }
    else:
        said = {"verdict": "accept", "reason": "", "detail": ""}
    if character == "telling":
        print("free text first")
        print(json.dumps(said))
        return 0
    if character == "contradicting":
        print(json.dumps(said))
        return 4
    if character == "babbling":
        print(json.dumps(said | {"reason": "it-was-raining"}))
        return 0
    return 0 if said["verdict"] == "accept" or character == "liar" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
