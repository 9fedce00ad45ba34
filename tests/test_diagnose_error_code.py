"""Codes in a text: exact ones first, hexadecimal ones never guessed."""

import pytest

from explaining import causes, explained


def codes(text: str) -> list[str]:
    clues = (clue for answer in explained(text).answers for clue in answer.clues)
    return list(dict.fromkeys(clue.words for clue in clues if clue.likeness == "exact"))


@pytest.mark.parametrize(
    "text",
    ["0x800CCC0E", "0x800ccc0e", "800CCC0E", "(0x800CCC0E):", "error:0X800CCC0E,", "-2146644978"],
)
def test_a_hexadecimal_code_is_known_however_it_is_written(text: str) -> None:
    """-2146644978 is 0x800CCC0E as a signed number of 32 bits (checked with printf)."""
    assert codes(text) == ["0x800CCC0E"]


@pytest.mark.parametrize(
    "text", ["0x800CCC0D", "0x800CCCE0", "0x800CCC0E1", "0x80CCC0E", "x800CCC"]
)
def test_a_hexadecimal_code_that_is_nearly_ours_is_another_one(text: str) -> None:
    assert causes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "SEC_ERROR_UNKNOWN_ISSUER", "sec_error_unknown_issuer", "Sec Error Unknown Issuer",
        "sec-error-unknown-issuer", "SEC_ERROR_UNKOWN_ISSUER", "(SEC_ERROR_UNKNOWN_ISSUER)",
        "Error code:SEC_ERROR_UNKNOWN_ISSUER.",
    ],
)  # fmt: skip
def test_a_name_is_known_in_any_case_and_with_a_slip_of_the_pen(text: str) -> None:
    assert codes(text) == ["SEC_ERROR_UNKNOWN_ISSUER"]


@pytest.mark.parametrize(
    "text", ["SEC_ERROR_BAD_PASSWORD", "SSL_ERROR_BAD_CERT_ALERT", "XSEC_ERROR_UNKNOWN_ISSUERS_"]
)
def test_another_name_of_the_same_library_is_not_taken_for_ours(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("verify error:num=19", "antivirus-root"),
        ("Verify return code: 18", "self-signed"),
        ("error 10 at 0 depth lookup", "expired"),
        ("X509_V_ERR 62", "wrong-name"),
        ("curl: (28)", "server-silent"),
        ("curl returned 64", "starttls-missing"),
        ("curl exit code 35", "connection-closed"),
        ("SSL alert number 48", "antivirus-root"),
        ("SSL alert number 70", "tls-version"),
        ("Received alert [40]", "no-common-cipher"),
    ],
)
def test_a_number_is_known_where_its_speaker_is_named(text: str, cause: str) -> None:
    assert causes(text)[0] == cause


@pytest.mark.parametrize(
    "text",
    ["verify return:1", "Verify return code: 0 (ok)", "error 19", "60", "(60)", "curl 7.88.1",
     "curl 8.5.0 (x86_64-pc-linux-gnu)"],
)  # fmt: skip
def test_a_number_by_itself_says_nothing(text: str) -> None:
    assert causes(text) == []
