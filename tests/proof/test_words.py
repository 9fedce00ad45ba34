"""The tables in which verifiers' errors are put into the words of the vocabulary."""

import re
import subprocess

import pytest

from bench import need
from mitmail.engine.verify_error import VERIFY_ERRORS as JUDGED
from proof import botan, curl, gnutls_words, go_words, java_words, mbedtls, nss, pyca, runtime
from proof.openssl_words import TLS, VERIFY_ERRORS, stack_errors, verify_error, verify_errors
from proof.phrase import Phrases, read, reasons
from proof.verifier import REASONS, Error

PHRASES: dict[str, Phrases] = {
    "openssl": TLS,
    "node": runtime.NODE,
    "curl": curl.NAME,
    "gnutls status": gnutls_words.STATUS,
    "gnutls fatal": gnutls_words.FATAL,
    "go validity": go_words.VALIDITY,
    "go hints": go_words.HINTS,
    "go texts": go_words.TEXTS,
    "java": java_words.TEXTS,
    "bouncy castle": java_words.BOUNCY_CASTLE,
    "pyca": pyca.TEXTS,
    "botan status": botan.STATUS,
    "botan ending": botan.ENDING,
    "mbedtls": mbedtls.TEXTS,
}
CODES = {
    "X509_V_ERR": VERIFY_ERRORS.values(),
    "mbedtls flags": mbedtls.FLAGS.values(),
    "nss": nss.ERRORS.items(),
    "go types": go_words.CODES.items(),
    "java reasons": java_words.CODES.items(),
}


@pytest.mark.parametrize("table", [*PHRASES.values(), *CODES.values()], ids=[*PHRASES, *CODES])
def test_a_table_knows_no_other_words(table: Phrases) -> None:
    assert reasons(table) <= REASONS


@pytest.mark.parametrize("table", PHRASES.values(), ids=PHRASES)
def test_every_phrase_of_a_table_can_be_heard(table: Phrases) -> None:
    for phrase, _ in table:
        assert phrase == phrase.lower()
        assert read(phrase, table)[0].says == phrase, "an earlier phrase is a part of it"


def test_the_longer_phrase_is_heard_alone() -> None:
    table = (("alert internal error", "transport"), ("alert", "policy"))
    assert read("SSL alert internal error", table) == [Error.of(*table[0])]


def test_an_unknown_text_is_kept_and_means_nothing() -> None:
    assert read("Something new\n", TLS) == [Error("Something new")]
    assert verify_error(999) == Error("999 X509_V_ERR 999")
    assert java_words.read_java("SHINY", "text") == [Error("SHINY (text)")]
    assert mbedtls.read_mbedtls("flags 80000001", "") == [
        Error.of("EXPIRED", "expired"),
        Error("flags 0x80000000"),
    ]


def test_silence_names_no_error() -> None:
    assert read(" \n", TLS) == []


def test_openssl_numbers_its_errors_as_the_header_does() -> None:
    header = subprocess.run(
        [need("gcc"), "-E", "-dM", "-include", "openssl/x509_vfy.h", "-x", "c", "/dev/null"],
        capture_output=True,
        text=True,
        timeout=20,
    ).stdout
    defined = {int(number): name for name, number in re.findall(r"X509_V_ERR_(\w+) (\d+)", header)}
    assert {number: defined.get(number) for number in VERIFY_ERRORS} == {
        number: name for number, (name, _) in VERIFY_ERRORS.items()
    }


def test_what_mitmail_itself_makes_of_openssls_errors_is_among_them() -> None:
    for number, reason in JUDGED.items():
        assert reason in verify_error(number).may_mean, number


def test_s_client_names_each_error_once_with_all_of_them() -> None:
    said = "depth=0 CN = x\nverify error:num=10:certificate has expired\n"
    named = verify_errors(said + said + "verify error:num=62:hostname mismatch\n")
    assert [error.may_mean for error in named] == [{"expired"}, {"name-mismatch"}]


def test_s_clients_error_stack_is_read_and_nothing_else() -> None:
    stack = "40F7:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../ssl:332:"
    assert stack_errors(f"CN = unsupported protocol\n{stack}\n") == read(stack, TLS)
    assert stack_errors("CN = unsupported protocol\n") == []
