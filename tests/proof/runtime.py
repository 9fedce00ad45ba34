"""The languages whose own TLS is asked: Python, Node, Go and Java, each with its own reader."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import find
from proof.batch import Batch, Reader
from proof.build import CACHE, built
from proof.go_words import read_go
from proof.java_words import read_bouncy_castle, read_java
from proof.openssl_words import NUMBERS, TLS, verify_error
from proof.phrase import Phrases, read
from proof.process import run
from proof.verifier import Error, Verifier

PROGRAMS = Path(__file__).parent / "programs"
_BOUNCY_CASTLE = Path("/usr/share/java")
_JARS = ("bctls.jar", "bcutil.jar", "bcprov.jar")
_PROVIDERS = (
    "org.bouncycastle.jsse.provider.BouncyCastleJsseProvider",
    "org.bouncycastle.jce.provider.BouncyCastleProvider",
)

# What Node says beside OpenSSL's names: its own check of the name, and the texts of errors that
# it calls UNSPECIFIED (x509_txt.c).
NODE: Phrases = (
    ("err_tls_cert_altname_invalid", "name-mismatch"),
    ("altnames", "name-mismatch"),
    ("ee certificate key too weak", "weak"),
    ("ca certificate key too weak", "weak"),
    ("ca signature digest algorithm too weak", "weak"),
    ("certificate public key has explicit ecc parameters", "malformed policy"),
    ("unhandled critical extension", "constraint policy"),
    ("permitted subtree violation", "constraint"),
    ("excluded subtree violation", "constraint"),
    ("name constraints minimum and maximum not supported", "constraint"),
    ("unsupported or invalid name constraint", "constraint malformed"),
    ("unsupported or invalid name syntax", "constraint malformed"),
    ("unsupported name constraint type", "constraint"),
    ("invalid or inconsistent certificate extension", "malformed"),
    ("key usage does not include certificate signing", "usage constraint"),
    *TLS,
)


def python() -> Verifier:
    """The interpreter that runs the tests: since 3.13 with OpenSSL's strict check."""
    return _python("python", sys.executable)


def system_python() -> Verifier | None:
    """Debian's Python, which may be older than the one that runs the tests."""
    path = Path("/usr/bin/python3")
    if not path.exists() or path.resolve() == Path(sys.executable).resolve():
        return None
    return _python("system-python", str(path))


def _python(name: str, path: str) -> Verifier:
    tell = "import platform, ssl; print(platform.python_version(), ssl.OPENSSL_VERSION)"
    version, _, library = run([path, "-I", "-c", tell], close=True).text.strip().partition(" ")
    ask = Batch([path, "-I", str(PROGRAMS / "ask.py")], _read_python)
    return Verifier(name, "OpenSSL", f"{version}, {library}", ask)


def _read_python(code: str, text: str) -> Sequence[Error]:
    return [verify_error(int(code), text)] if code else read(text, TLS)


def node() -> Verifier | None:
    """Node's tls module: OpenSSL verifies the chain, Node itself the name."""
    path = find("node")
    if path is None:
        return None
    version = run([path, "--version"], close=True).text.strip().removeprefix("v")
    return Verifier(
        "node", "OpenSSL", version, Batch([path, str(PROGRAMS / "ask.js")], _read_node)
    )


def _read_node(code: str, text: str) -> Sequence[Error]:
    if code in NUMBERS:
        return [verify_error(NUMBERS[code], text)]
    return read(f"{code} {text}", NODE)[:1]


def go() -> Verifier | None:
    """Go's crypto/tls and crypto/x509, built once for each version of Go and of the program."""
    path = find("go")
    if path is None:
        return None
    version = run([path, "version"], close=True).text.split()[2].removeprefix("go")
    # No go.mod: one that names an old version makes a newer Go as lax as that one was.
    told = {"GOCACHE": str(CACHE / "go"), "CGO_ENABLED": "0", "GOFLAGS": "", "GOPROXY": "off"}
    program = built(PROGRAMS / "ask.go", [path, "build"], mark=version, extra=told)
    ask = Batch([str(program)], read_go, told_the_time=True)
    return Verifier("go", "Go", version, ask)


def java() -> Verifier | None:
    """Java's SSLSocket with the "HTTPS" check; java.security stays as Debian ships it."""
    return _java("java", "Java", read_java, [])


def bouncy_castle() -> Verifier | None:
    """Bouncy Castle's TLS and certificate paths, which share no code with Java's own."""
    jars = [_BOUNCY_CASTLE / jar for jar in _JARS]
    if not all(jar.exists() for jar in jars):
        return None
    name = "bouncycastle"
    options = ["-cp", os.pathsep.join(map(str, jars)), f"-Dproof.provider={','.join(_PROVIDERS)}"]
    made = _java(name, "Bouncy Castle", read_bouncy_castle, options)
    version = jars[0].resolve().stem.rpartition("-")[2]  # bctls-1.72.jar, behind a link
    return made and replace(made, version=f"{version}, Java {made.version}")


def _java(name: str, family: str, read: Reader, options: list[str]) -> Verifier | None:
    path = find("java")
    if path is None or find("javac") is None:  # java compiles a single source file by it
        return None
    version = run([path, "--version"], close=True).text.split()[1]
    # The quick compiler alone: a batch ends before the slow one would pay.
    command = [path, "-XX:TieredStopAtLevel=1", *options, str(PROGRAMS / "Ask.java")]
    return Verifier(name, family, version, Batch(command, read, told_the_time=True))
