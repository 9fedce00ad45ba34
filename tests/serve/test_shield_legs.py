"""How a product speaks TLS on its two legs, as ``openssl``, curl and Python find it."""

import re
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import need
from mitmail.pki.certificate import from_pem
from serve.program import SECONDS, Program
from serve.serving import NAME, Place
from serve.shielded import PASSWORD, OpenHouse
from serve.tls_client import clean, connected, curl, openssl, s_client, trusting

CLIENT = (
    "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
    "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256:AES128-SHA",
    "-groups", "P-384:X25519", "-sigalgs", "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256",
    "-alpn", "pop3,imap", "-status",
)  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenHouse]:
    house = OpenHouse(tmp_path_factory.mktemp("house"))
    yield house
    house.close()


@dataclass(frozen=True)
class Served:
    """openssl s_server: what it prints, its port, and its certificate."""

    program: Program
    port: int
    certificate: bytes


type Serve = Callable[..., Served]


@dataclass(frozen=True)
class Files:
    """A certificate that vouches for itself, and its key, as PEM files."""

    leaf: Path
    key: Path


@pytest.fixture
def served_by(tmp_path: Path) -> Files:
    leaf, key = tmp_path / "leaf.pem", tmp_path / "leaf.key"
    make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    make += ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    make += ["-addext", "basicConstraints=critical,CA:FALSE"]
    openssl(*make, "-keyout", str(key), "-out", str(leaf))
    return Files(leaf, key)


@pytest.fixture
def serve(served_by: Files) -> Iterator[Serve]:
    """``openssl s_server`` with options; it never greets."""
    running: list[Program] = []

    def start(*options: str) -> Served:
        command = [need("openssl"), "s_server", "-accept", "127.0.0.1:0", *options]
        command += ["-cert", str(served_by.leaf), "-key", str(served_by.key)]
        program = Program(command, clean())
        running.append(program)
        port = int(program.line(r"^ACCEPT [\d.:]+$").rsplit(":", 1)[1])
        return Served(program, port, from_pem(served_by.leaf.read_bytes())[0])

    yield start
    for program in running:
        with program:
            pass


def handshake(place: Place, *options: str) -> str:
    """All that ``openssl s_client`` says of its handshake."""
    ended = s_client(place, *options)
    return (ended.stdout + ended.stderr).decode("utf-8", "replace")


# -- versions and the ClientHello ----------------------------------------------------------------


def test_the_versions_of_both_legs_are_the_products(house: OpenHouse) -> None:
    old = house.shield("old-tls-towards-client").places["imaps"]
    assert "Protocol version: TLSv1.2" in handshake(old, "-brief")
    level = ("-tls1", "-cipher", "DEFAULT:@SECLEVEL=0")
    assert "Protocol version: TLSv1\n" in handshake(old, "-brief", *level)
    assert "alert protocol version" in handshake(old, "-brief", "-tls1_3")

    new = house.shield("new-tls-towards-client", scenario="tls-v1-0")
    assert "Protocol version: TLSv1.3" in handshake(new.places["imaps"], "-brief")
    assert new.session(1).upstream is not None

    neither = house.shield(scenario="tls-v1-0")
    handshake(neither.places["imaps"], "-brief")
    assert "TLS with the mail server failed" in (neither.session(1).error or "")


def greeted(served: Served) -> dict[str, list[str]]:
    """The ClientHello that s_server has traced: the names in each of its lists."""
    served.program.line(r"^ *ServerHello")
    text = "\n".join(served.program.out)
    hello = text[text.index("ClientHello") : text.index("ServerHello")]
    heads = r"^ *(?:extension_type=|(?=cipher_suites)|(?=compression_methods))"
    lists = [each.partition("\n") for each in re.split(heads, hello, flags=re.MULTILINE)]
    name = re.compile(r"^ *(?:\{0x\w+, 0x\w+\} )?([A-Za-z]\w+)(?: \([^)]+\))*$", re.MULTILINE)
    return {re.split(r"\W", head)[0]: name.findall(names) for head, _, names in lists[1:]}


MIRRORED = (
    "cipher_suites", "supported_groups", "signature_algorithms", "status_request",
    "application_layer_protocol_negotiation",
)  # fmt: skip


def test_the_hello_is_the_products_own_mirrored_or_fixed(house: OpenHouse, serve: Serve) -> None:
    def met(*switches: str, client: tuple[str, ...] = CLIENT) -> dict[str, list[str] | None]:
        served = serve("-www", "-trace")
        shield = house.shield(*switches, before={"imaps": served.port})
        handshake(shield.places["imaps"], *client)
        return {name: greeted(served).get(name) for name in MIRRORED}

    served = serve("-www", "-trace")
    handshake(Place("imaps", served.port), *CLIENT)
    without = {name: greeted(served).get(name) for name in MIRRORED}
    assert without["application_layer_protocol_negotiation"] == ["pop3", "imap"]

    own, mirrored, fixed = met(), met("hello-mirrored"), met("hello-fixed")
    assert mirrored == without
    assert own["cipher_suites"] != without["cipher_suites"]
    assert (own["status_request"], own["application_layer_protocol_negotiation"]) == (None, None)
    assert met("hello-fixed", client=("-tls1_2",)) == fixed
    assert fixed["supported_groups"] is not None
    assert len(fixed["supported_groups"]) == 3
    suites = fixed["cipher_suites"] or []
    assert len(suites) == 13
    assert suites[:2] == [f"TLS_ECDHE_{key}_WITH_AES_256_CBC_SHA384" for key in ("RSA", "ECDSA")]


def test_alpn_is_dropped_or_mirrored(house: OpenHouse, serve: Serve) -> None:
    port = serve("-www", "-alpn", "imap").port
    for switches, said in (((), "No ALPN negotiated"), (("hello-mirrored",), "protocol: imap")):
        shield = house.shield(*switches, before={"imaps": port})
        assert said in handshake(shield.places["imaps"], "-alpn", "pop3,imap")


# -- what does not pass --------------------------------------------------------------------------


def test_the_servers_staple_never_reaches_the_client(house: OpenHouse) -> None:
    for antivirus, said in (
        ("none", "OCSP Response Status: successful"),
        ("generic", "OCSP response: no response sent"),
    ):
        shield = house.shield(scenario="ocsp-staple-good", antivirus=antivirus)
        assert said in handshake(shield.places["imaps"], "-status"), antivirus


def test_a_revoked_server_is_found_by_its_staple(house: OpenHouse) -> None:
    for switches, errors in (((), ()), (("revoked-found",), ("revoked",))):
        shield = house.shield(*switches, scenario="revoked")
        said = handshake(shield.places["imaps"], "-CAfile", str(shield.root), "-brief")
        upstream = shield.session(1).upstream
        assert upstream is not None
        assert upstream.errors == errors
        # The generic product signs what is revoked with the root that nobody has.
        assert ("Verification: OK" in said) is not bool(errors)


def test_no_session_is_resumed(house: OpenHouse, serve: Serve, tmp_path: Path) -> None:
    port = serve("-www").port
    shield = house.shield(before={"imaps": port})
    for place, again in ((Place("imaps", port), "Reused"), (shield.places["imaps"], "New")):
        kept = tmp_path / f"session-{again}"
        handshake(place, "-tls1_2", "-sess_out", str(kept))
        assert kept.exists() is (again == "Reused") or again == "New"
        resume = ("-sess_in", str(kept)) if kept.exists() else ()
        assert re.search(f"^{again}, ", handshake(place, "-tls1_2", *resume), re.MULTILINE)


def test_a_client_certificate_does_not_reach_the_server(
    house: OpenHouse, serve: Serve, tmp_path: Path
) -> None:
    mine, key = tmp_path / "client.pem", tmp_path / "client.key"
    make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(*make, "-subj", "/CN=client", "-keyout", str(key), "-out", str(mine))
    offer = ("--cert", str(mine), "--key", str(key))
    # Without a product the server takes the certificate.
    served = serve("-www", "-Verify", "1")
    taken = handshake(Place("imaps", served.port), "-cert", str(mine), "-key", str(key))
    assert "alert" not in taken
    assert "depth=0 CN = client" in ended(served)

    for version, error in (("-tls1_3", ""), ("-tls1_2", "TLS with the mail server failed")):
        served = serve("-www", "-Verify", "1", version)
        shield = house.shield(before={"imaps": served.port}, roots=(served.certificate,))
        failed = curl(shield.places["imaps"], shield.root, PASSWORD, *offer)
        assert failed.returncode in {35, 56}, failed.stderr
        session = shield.session(1)
        # In TLS 1.3 a server refuses after its handshake: what the client is told then is an end.
        assert (session.error or "").startswith(error)
        assert "upstream-alert" in [fact.fact for fact in session.facts]
        assert session.verdict is not None
        assert session.verdict.verdict == "none"
        assert "peer did not return a certificate" in ended(served)


def ended(served: Served) -> str:
    """All that s_server has said, once it has been stopped."""
    served.program.stop(signal.SIGTERM)  # a background job of a shell ignores SIGINT
    return served.program.said


def bound(connection: ssl.SSLSocket) -> bytes:
    """What a login would be bound to (RFC 5929 section 3); of TLS 1.2 only."""
    binding = connection.get_channel_binding("tls-unique")
    assert binding is not None
    return binding


def test_both_legs_have_channel_bindings_of_their_own(house: OpenHouse, served_by: Files) -> None:
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(served_by.leaf, served_by.key)
    here.maximum_version = ssl.TLSVersion.TLSv1_2
    root = from_pem(served_by.leaf.read_bytes())[0]
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(SECONDS)
        port = listener.getsockname()[1]

        def answer() -> bytes:
            with here.wrap_socket(listener.accept()[0], server_side=True) as connection:
                connection.sendall(b"* OK ready\r\n")
                assert connection.recv(99)
                return bound(connection)

        def both(place: Place, roots: Path) -> tuple[bytes, bytes, bytes]:
            far = pool.submit(answer)
            context = trusting(roots)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with connected(place, context) as client:
                assert client.recv(99) == b"* OK ready\r\n"
                client.sendall(b"a LOGOUT\r\n")
                return bound(client), far.result(SECONDS), client.getpeercert(True) or b""

        near, far, shown = both(Place("imaps", port), served_by.leaf)
        assert near == far, "without a product both ends have the same"
        assert shown == root
        shield = house.shield(before={"imaps": port}, roots=(root,))
        near, far, shown = both(shield.places["imaps"], shield.root)
        assert near != far
        # tls-server-end-point is the hash of the certificate (RFC 5929 section 4).
        assert shown != root
        upstream = shield.session(1).upstream
        assert upstream is not None
        assert upstream.chain == (root,)


# -- ends ----------------------------------------------------------------------------------------


def test_the_client_is_left_without_a_word(house: OpenHouse) -> None:
    for switches, ends_well in (((), True), (("ends-without-close-notify",), False)):
        shield = house.shield(*switches)
        place = shield.places["imaps"]
        plain = socket.create_connection((place.host, place.port), timeout=SECONDS)
        with trusting(shield.root).wrap_socket(
            plain, server_hostname=NAME, suppress_ragged_eofs=False
        ) as client:
            client.sendall(b"a LOGOUT\r\n")
            heard = b""
            try:
                while more := client.recv(4096):
                    heard += more
                said_so = True
            except ssl.SSLEOFError:
                said_so = False
            assert b"a OK" in heard
            assert said_so is ends_well


def test_text_comes_where_tls_is_due(house: OpenHouse) -> None:
    shield = house.shield("text-in-handshake")
    for endpoint in ("imaps", "imap"):
        failed = curl(shield.places[endpoint], shield.root, PASSWORD)
        assert failed.returncode == 35
        assert re.search(rb"wrong version number", failed.stderr)
    session = shield.session(1)
    assert session.verdict is not None
    assert "tls-broken-off" in [fact.fact for fact in session.facts]
    assert session.finding is not None
    assert session.finding.finding == "aborted"
