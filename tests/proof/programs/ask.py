"""Python's ssl asks the targets of its standard input; also for Pythons older than ours."""

import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor


def main() -> None:
    lines = [line.rstrip("\n").split("\t") for line in sys.stdin]
    with ThreadPoolExecutor(4) as pool:
        for line in pool.map(answer, lines):
            print(line, flush=True)


def answer(parts: "list[str]") -> str:
    index, host, port, name, roots, _, seconds = parts
    try:
        said = ask((host, int(port)), name, roots, float(seconds))
    except Exception as error:
        said = ("error", type(error).__name__, str(error))
    return "\t".join([index, *(" ".join(part.split()) for part in said)])


def ask(
    address: "tuple[str, int]", name: str, roots: str, seconds: float
) -> "tuple[str, str, str]":
    context = ssl.create_default_context(cafile=roots)
    with socket.create_connection(address, seconds) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                return talk(tls)
        except ssl.SSLCertVerificationError as error:
            return "reject", str(error.verify_code), error.verify_message
        except TimeoutError:
            return "silent", "", ""
        except OSError as error:
            return "reject", "", str(error)


def talk(tls: ssl.SSLSocket) -> "tuple[str, str, str]":
    tls.sendall(b"a LOGOUT\r\n")
    heard = b""
    while octets := tls.recv(4096):
        heard += octets
    return ("accept", "", "") if b"a OK" in heard else ("reject", "", "")


main()
