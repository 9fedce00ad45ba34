"""What customers paste is read as a person reads it, and what is no certificate is named."""

import base64
import html
import quopri
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from bench import clean_environment, need
from mitmail.diagnose.paste import LIMIT, Pasted, read
from mitmail.errors import MitmailError
from mitmail.pki.certificate import armored, pem
from mitmail.pki.identity import Identity
from mitmail.pki.store import Store
from mitmail.plan import make
from mitmail.scenario import loader


@pytest.fixture(scope="module")
def shown() -> Identity:
    """What the healthy server presents: a leaf and its issuer."""
    return make(loader.find("healthy"), None, Store(None)).door


@pytest.fixture(scope="module")
def text(shown: Identity) -> str:
    return pem(*shown.chain).decode()


def said(content: str | bytes) -> Pasted:
    return read(content.encode() if isinstance(content, str) else content, "mail.txt")


def complaint(content: str | bytes) -> str:
    with pytest.raises(MitmailError) as caught:
        said(content)
    (line,) = str(caught.value).splitlines()
    return line


def quoted(text: str, mark: str = "> ") -> str:
    return "".join(f"{mark}{line}\r\n" for line in text.splitlines())


# -- what is a chain -----------------------------------------------------------------------------


def test_pem_is_read_in_its_order(shown: Identity, text: str) -> None:
    assert said(text).chain == shown.chain


@pytest.mark.parametrize("mark", ["> ", ">", ">> ", "> > > ", "  | ", "    ", "\t"])
def test_pem_is_read_through_the_marks_of_a_reply(shown: Identity, text: str, mark: str) -> None:
    mail = f"Hello,\n\nthis is what I see:\n{quoted(text, mark)}\n-- \nA. Customer\n"
    assert said(mail).chain == shown.chain


def test_blanks_behind_the_lines_and_old_line_ends_do_not_matter(
    shown: Identity, text: str
) -> None:
    assert said(text.replace("\n", "  \t\n")).chain == shown.chain
    assert said(text.replace("\n", "\r")).chain == shown.chain
    assert said(f"\N{BYTE ORDER MARK}{text}").chain == shown.chain


def test_what_powershell_writes_is_read(shown: Identity, text: str) -> None:
    assert said(text.encode("utf-16")).chain == shown.chain


def test_a_raw_mail_is_read_through_quoted_printable(shown: Identity, text: str) -> None:
    raw = quopri.encodestring(text.encode())
    assert b"=3D" in raw or b"=" not in text.encode()
    assert said(raw).chain == shown.chain


def test_a_chain_in_a_line_of_json_is_read(shown: Identity, text: str) -> None:
    assert said('{"chain": "' + text.replace("\n", "\\n") + '"}').chain == shown.chain


def test_base64_without_its_borders_is_read(shown: Identity) -> None:
    assert said(base64.encodebytes(shown.leaf)).chain == (shown.leaf,)


def test_der_is_read_one_and_several_in_a_row(shown: Identity) -> None:
    assert said(shown.leaf).chain == (shown.leaf,)
    assert said(b"".join(shown.chain)).chain == shown.chain


@pytest.mark.parametrize("form", ["DER", "PEM"])
def test_a_pkcs7_bundle_of_openssl_is_read(
    shown: Identity, text: str, form: str, tmp_path: Path
) -> None:
    file = tmp_path / "chain.pem"
    file.write_text(text)
    command = [need("openssl"), "crl2pkcs7", "-nocrl", "-certfile", str(file), "-outform", form]
    bundle = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout

    assert said(bundle).chain == shown.chain


def test_the_leaf_is_found_where_no_server_can_have_sent_it(shown: Identity) -> None:
    pasted = said(pem(*reversed(shown.chain)))

    assert pasted.chain == shown.chain
    assert pasted.moved == len(shown.chain)
    assert said(pem(*shown.chain)).moved is None
    assert said(pem(shown.chain[1])).moved is None


def test_a_broken_certificate_in_a_sound_frame_is_kept_for_judgement() -> None:
    door = make(loader.find("time-garbage"), None, Store(None)).door
    assert said(pem(*door.chain)).chain == door.chain


# -- openssl s_client ----------------------------------------------------------------------------


@contextmanager
def s_server(shown: Identity, folder: Path) -> Iterator[int]:
    """A server of the openssl command, and its port."""
    (folder / "leaf.pem").write_bytes(pem(shown.leaf))
    (folder / "chain.pem").write_bytes(pem(*shown.chain[1:]))
    key = shown.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    command = [
        need("openssl"), "s_server", "-accept", "127.0.0.1:0", "-cert", "leaf.pem",
        "-key", "key.pem", *(["-cert_chain", "chain.pem"] if shown.chain[1:] else []),
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
        env=clean_environment(),
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            port = next(
                found[1] for line in server.stdout if (found := re.match(r"ACCEPT .*:(\d+)", line))
            )
            yield int(port)
        finally:
            server.kill()


def s_client(port: int, *options: str) -> str:
    command = [need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", *options]
    ended = subprocess.run(
        command, input="Q\n", capture_output=True, text=True, timeout=20, check=False
    )
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def outputs(shown: Identity, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What openssl s_client writes, without and with -showcerts."""
    with s_server(shown, tmp_path_factory.mktemp("s_server")) as port:
        return s_client(port, "-tls1_2"), s_client(port, "-showcerts", "-tls1_2")


def test_the_whole_output_of_s_client_is_read(shown: Identity, outputs: tuple[str, str]) -> None:
    pasted = said(outputs[1])

    assert pasted.chain == shown.chain
    assert pasted.whole
    assert not pasted.only_leaf
    assert said(quoted(outputs[1])) == pasted


def test_what_no_listing_accounts_for_is_not_known_to_be_all(text: str) -> None:
    assert not said(text).whole


def test_a_block_that_was_lost_is_missed(shown: Identity, outputs: tuple[str, str]) -> None:
    *_, last = re.findall("-----BEGIN.*?END CERTIFICATE-----\n", outputs[1], re.DOTALL)
    pasted = said(outputs[1].replace(last, ""))

    assert pasted.chain == shown.chain[:-1]
    assert len(pasted.listed) == len(shown.chain)
    assert not pasted.whole


def test_a_listing_that_was_cut_proves_nothing(shown: Identity, outputs: tuple[str, str]) -> None:
    first = outputs[1].partition("END CERTIFICATE-----")
    pasted = said("".join(first[:2]))

    assert pasted.chain == (shown.leaf,)
    assert pasted.only_leaf


def test_without_the_leafs_own_block_nothing_else_is_taken_for_it(
    shown: Identity, outputs: tuple[str, str]
) -> None:
    leaf, *_ = re.findall("-----BEGIN.*?END CERTIFICATE-----\n", outputs[1], re.DOTALL)
    pasted = said(outputs[1].replace(leaf, ""))

    assert pasted.chain == shown.chain[1:]
    assert (pasted.whole, pasted.listed) == (False, ())


def test_what_was_put_below_an_incomplete_output_may_have_been_sent(
    shown: Identity, text: str, outputs: tuple[str, str]
) -> None:
    pasted = said(outputs[0] + pem(*shown.chain[1:]).decode())

    assert pasted.chain == shown.chain
    assert (pasted.whole, pasted.besides) == (False, ())


def test_without_showcerts_the_leaf_is_known_not_to_be_all(
    shown: Identity, outputs: tuple[str, str]
) -> None:
    pasted = said(quoted(outputs[0]))

    assert pasted.chain == (shown.leaf,)
    assert len(pasted.listed) == len(shown.chain)
    assert pasted.only_leaf


def test_a_server_that_sends_its_leaf_alone_is_known_to(shown: Identity, tmp_path: Path) -> None:
    with s_server(replace(shown, chain=(shown.leaf,)), tmp_path) as port:
        output = s_client(port, "-tls1_2")
    added = said(output + "and this I downloaded:\n" + pem(*shown.chain[1:]).decode())

    assert said(output).chain == added.chain == (shown.leaf,)
    assert not said(output).only_leaf
    assert (added.whole, added.besides) == (True, shown.chain[1:])


def test_two_outputs_are_not_taken_for_one_chain(outputs: tuple[str, str]) -> None:
    line = complaint(outputs[1] + outputs[1])
    assert "a second output of openssl s_client begins here" in line


def test_the_time_of_s_client_is_the_time_to_judge_by(outputs: tuple[str, str]) -> None:
    pasted = said(f"Date: Mon, 5 Jan 2026 10:00:00 +0100\n\n{quoted(outputs[1])}")

    assert pasted.at is not None
    assert abs(datetime.now(UTC) - pasted.at).total_seconds() < 60
    assert "s_client" in pasted.at_from


def test_else_the_nearest_date_of_a_mail_is(text: str) -> None:
    inner = quoted(f"Date: Mon, 5 Jan 2026 10:00:00 +0100\n\n{text}")
    pasted = said(f"Date: Tue, 6 Jan 2026 09:00:00 +0000\n\n{inner}")

    assert pasted.at == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert said(f"Date: yesterday\n\n{text}").at is None
    assert said(text).at is None


# -- what is none --------------------------------------------------------------------------------


def test_a_private_key_is_refused_and_never_quoted(shown: Identity, text: str) -> None:
    forms = [
        shown.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        shown.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        shown.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        shown.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        shown.key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        shown.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
    ]
    forms += [base64.encodebytes(form) for form in forms[3:]]
    forms.append(text.encode() + forms[0])
    forms.append(quoted(forms[0].decode()).encode())
    forms.append(forms[0].partition(b"-----END")[0])  # cut off
    for form in forms:
        line = complaint(form)
        assert "private key" in line
        assert "compromised" in line
        for piece in re.findall(rb"[A-Za-z0-9+/]{20,}", form):
            assert piece.decode() not in line


def test_a_private_key_is_placed_by_its_line(text: str, shown: Identity) -> None:
    key = shown.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert complaint(text + key).startswith(f"mail.txt:{text.count(chr(10)) + 1}: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        (" \n\n", "empty"),
        ("x" * (LIMIT + 1), "1 MB"),
        ("Outlook says that something is wrong.", "no certificate is in this text"),
        ("<!DOCTYPE html><html><body>Not found</body></html>", "a web page"),
        ("\x30\x82\x01\x00garbage", "not a certificate"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a certificate"),
        ("Certificate chain\n 0 s:CN = a\n   i:CN = b\n---\n", "certificates were left out"),
        (
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "mail.txt:1: between BEGIN",
        ),
    ],
)
def test_bad_input_is_named_in_one_line(content: str | bytes, words: str) -> None:
    line = complaint(content)
    assert words in line
    assert line.startswith("mail.txt")
    assert "openssl s_client" in line


def test_what_is_cut_is_placed_by_its_line(text: str) -> None:
    first, _, second = text.partition("-----END CERTIFICATE-----\n")
    lines = first.count("\n")

    assert complaint(first).startswith("mail.txt:1: the end of this CERTIFICATE is missing")
    assert complaint(first + second).startswith("mail.txt:1: the end of")
    assert complaint(text.removeprefix("-----BEGIN CERTIFICATE-----")).startswith(
        f"mail.txt:{lines + 1}: no BEGIN CERTIFICATE"
    )
    damaged = text.replace(text.splitlines()[3], "[...]", 1)
    assert complaint(damaged).startswith("mail.txt:1: this certificate is cut or garbled")
    shortened = "\n".join(x for n, x in enumerate(text.splitlines()) if n != 3)
    assert complaint(shortened).startswith("mail.txt:1: between BEGIN and END")


def openssl(*arguments: str, stdin: bytes = b"", folder: Path) -> bytes:
    command = [need("openssl"), *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, check=True, timeout=20, cwd=folder
    ).stdout


def test_what_is_sent_in_place_of_a_certificate_is_named(
    shown: Identity, text: str, tmp_path: Path
) -> None:
    key = shown.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "leaf.pem").write_bytes(pem(shown.leaf))
    made = {
        "signing request": ("req", "-new", "-key", "key.pem", "-subj", "/CN=a"),
        "public key": ("pkey", "-in", "key.pem", "-pubout"),
        "PKCS#12": ("pkcs12", "-export", "-in", "leaf.pem", "-inkey", "key.pem",
                    "-passout", "pass:x"),
    }  # fmt: skip
    for words, command in made.items():
        octets = openssl(*command, folder=tmp_path)
        assert words in complaint(octets)
        assert words in complaint(base64.encodebytes(octets) if octets[:1] == b"0" else octets)


def test_a_request_beside_a_certificate_is_passed_over(
    shown: Identity, text: str, tmp_path: Path
) -> None:
    key = shown.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    request = openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=a", folder=tmp_path)

    assert said(request.decode() + text).chain == shown.chain
    assert said(armored(b"EC PARAMETERS", b"\x06\x01\x2a").decode() + text).chain == shown.chain


def test_a_hostile_text_costs_no_time() -> None:
    for content in (">" * (LIMIT - 1), "-----BEGIN CERTIFICATE-----\n" * 30_000, "A" * 900_000,
                    " | >" * 200_000, html.escape("<" * 100_000)):  # fmt: skip
        complaint(content)


def test_a_date_beyond_all_calendars_is_none(text: str) -> None:
    assert said(f"Date: Fri, 31 Dec 9999 23:59:59 -0500\n\n{text}").at is None


def test_a_key_between_the_borders_of_a_certificate_is_called_one() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    octets = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert "between BEGIN and END is a private key" in complaint(armored(b"CERTIFICATE", octets))
