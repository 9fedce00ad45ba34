"""From what customers paste to the cause: the texts are in explain/, with what each stands for."""

from typing import Any

import pytest

import bench
from explaining import causes, explained, explainer, kept, label
from mitmail.diagnose.explanation import LONGEST
from mitmail.errors import MitmailError

NUMBERS = range(1, 89)


def test_every_number_of_the_catalogue_has_a_text() -> None:
    assert {row["number"] for row in kept("catalogue")} == set(NUMBERS)
    assert len(kept("paraphrases")) == len(kept("unrelated")) == 30


@pytest.mark.parametrize("row", kept("catalogue"), ids=label)
def test_a_text_of_the_catalogue_leads_to_its_cause(row: dict[str, Any]) -> None:
    assert row["cause"] in causes(row["text"])[:2]


@pytest.mark.parametrize("row", kept("paraphrases"), ids=label)
def test_a_paraphrase_leads_to_its_cause(row: dict[str, Any]) -> None:
    assert row["cause"] in causes(row["text"])[:2]


@pytest.mark.parametrize("row", kept("unrelated"), ids=label)
def test_what_is_none_of_our_business_is_not_known_and_the_nearest_topics_are_named(
    row: dict[str, Any],
) -> None:
    found = explained(row["text"])

    assert [answer.cause.id for answer in found.answers] == []
    assert len(found.nearest) == 3


def test_most_further_paraphrases_lead_to_their_cause_and_the_rest_is_seldom_misled() -> None:
    """Where a paraphrase is not known, that is said: nearly never is it taken for another one."""
    rows = kept("further")
    found = [(row, causes(row["text"])) for row in rows]
    missed = [(row["text"], got) for row, got in found if row["cause"] not in got[:2]]
    misled = [each for each in missed if each[1]]

    assert len(missed) <= 0.05 * len(rows), missed
    assert len(misled) <= 0.01 * len(rows), misled


@pytest.mark.parametrize("row", kept("first"), ids=label)
def test_the_telling_part_of_a_text_gives_the_first_answer(row: dict[str, Any]) -> None:
    assert causes(row["text"])[0] == row["cause"]


@pytest.mark.parametrize("row", kept("listed"), ids=label)
def test_a_text_of_several_meanings_lists_them_and_none_that_it_does_not_have(
    row: dict[str, Any],
) -> None:
    found = set(causes(row["text"]))

    assert set(row["listed"]) <= found
    assert not found & set(row["unlisted"])


def test_no_stranger_is_known() -> None:
    known = {row["text"]: causes(row["text"]) for row in kept("strangers")}

    assert {text: got for text, got in known.items() if got} == {}


@pytest.mark.parametrize("row", kept("said"), ids=lambda row: f"{row['client']} {row['place']}")
def test_what_a_real_client_said_leads_to_what_was_wrong(row: dict[str, Any]) -> None:
    """The truth is the scenario's, which the client met; some clients tell no reason."""
    true = set(bench.catalogue()[row["scenario"]].expect.reasons)

    found = [set(answer.cause.reasons) for answer in explained(row["text"]).answers[:2]]

    assert any(true & reasons for reasons in found), causes(row["text"])


# The provider changed its settings (support story): what each client says, and what to choose.
SETTINGS = [
    ("SSL_ERROR_RX_RECORD_TOO_LONG", "not-tls", "STARTTLS with port 143"),
    ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "not-tls", "STARTTLS with port 143"),
    ("0x800CCC1A", "not-tls", "STARTTLS with port 143"),
    ("STARTTLS is set on port 993 and nothing happens", "waits-for-tls", "SSL/TLS with port 993"),
    ("plaintext is set, but port 993 expects TLS", "waits-for-tls", "SSL/TLS with port 993"),
    ("SMTPNotSupportedError: STARTTLS extension not supported by server.", "starttls-missing",
     "SSL/TLS with port 993"),
    ("the server does not offer STARTTLS any more", "starttls-missing", "SSL/TLS with port 993"),
    ("our provider changed its mail settings", "settings-changed",
     "SSL/TLS goes with ports 993 (IMAP)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "cause", "setting"), SETTINGS, ids=lambda x: x[:40])
def test_when_the_settings_do_not_fit_the_right_ones_are_named(
    text: str, cause: str, setting: str
) -> None:
    found = {answer.cause.id: answer.cause for answer in explained(text).answers[:2]}

    assert setting in " ".join(found[cause].fix.split())


DISGUISES = {
    "quoted by a mail program": "> > The certificate for a.kunde.example\n> > expired on 1/3.",
    "in capitals": "THE CERTIFICATE FOR MAIL.KUNDE.EXAMPLE EXPIRED ON 3/1/2026",
    "broken in lines": "The certificate\nfor mail.kunde.example\nexpired\non\n1 March 2026.",
    "with typographic quotes": "\u201eCertificate for \u2018a.kunde.example\u2019 expired\u201d",
    "with an address": "The certificate for 192.0.2.7:993 expired on 01.03.2026 10:00:00",
    "mistyped": "The certficate for mail.kunde.example expierd on 3/1/2026",
    "as HTML": "<html><body><p>The <b>certificate</b> for mail.kunde.example expired&nbsp;on "
    "3/1/2026.</p><script>var x = 'not trusted';</script></body></html>",
    "with a mail address": "qa@kunde.example: The certificate for mail.kunde.example has expired",
}


@pytest.mark.parametrize("text", DISGUISES.values(), ids=DISGUISES.keys())
def test_a_text_is_known_however_it_comes(text: str) -> None:
    assert causes(text)[0] == "expired"


def log(telling: str, lines: int = 200) -> str:
    noise = (
        f"2026-11-29T10:{i % 60:02}:00.{i:03} mail dovecot[{i}]: imap-login: Login: user=<qa{i}>, "
        f"method=PLAIN, rip=192.0.2.{i % 250}, session=<x{i}y>"
        for i in range(lines)
    )
    listed = list(noise)
    return "\n".join([*listed[: lines // 2], telling, *listed[lines // 2 :]])


def test_the_telling_line_of_a_long_log_is_found_and_its_number_is_told() -> None:
    telling = "mbsync[7]: SSL error connecting mail.kunde.example: certificate has expired"

    answer = explained(log(telling)).answers[0]

    assert (answer.cause.id, answer.clues[0].line) == ("expired", 101)


def test_what_a_log_says_a_thousand_times_is_found_at_its_first_line() -> None:
    answer = explained("mbsync: certificate has expired\n" * 5000).answers[0]

    assert (answer.cause.id, answer.clues[0].line) == ("expired", 1)


def test_a_log_without_a_telling_line_is_not_known() -> None:
    assert causes(log("imap-login: Info: Disconnected: Logged out in=35 out=519")) == []


def test_the_more_telling_of_two_texts_decides() -> None:
    dialog = (
        "The server you are connected to is using a security certificate that cannot be verified."
    )

    assert causes(dialog) == ["certificate-refused"]
    assert causes(f"{dialog}\nThe target principal name is incorrect.")[0] == "wrong-name"
    assert causes("curl: (60) SSL certificate problem: certificate has expired")[0] == "expired"


def test_a_part_of_a_longer_sentence_says_nothing_of_its_own() -> None:
    assert causes("self-signed certificate") == ["self-signed"]
    assert "self-signed" not in causes("self-signed certificate in certificate chain")


def test_a_text_that_several_causes_share_names_them_all_likeliest_first() -> None:
    assert causes("0x800CCC1A") == ["not-tls", "waits-for-tls", "starttls-missing", "tls-version"]


def test_the_issuers_name_puts_its_product_into_the_cases() -> None:
    found = explained("SEC_ERROR_UNKNOWN_ISSUER, issued by ESET SSL Filter CA").answers[0]

    assert found.cases[0].command == "mitmail serve --antivirus eset"


@pytest.mark.parametrize("empty", ["", " \n\t\n", "> \n> ", "\ufeff\u200b"])
def test_where_there_is_no_text_there_is_one_clear_line(empty: str) -> None:
    with pytest.raises(MitmailError, match="nothing to explain"):
        explained(empty)


def test_a_private_key_is_refused_and_not_repeated() -> None:
    key = "-----BEGIN " + "PRIVATE KEY-----\nMIIEsecret\n-----END " + "PRIVATE KEY-----"

    with pytest.raises(MitmailError, match="holds a private key") as caught:
        explained(f"SEC_ERROR_UNKNOWN_ISSUER\n{key}")

    assert "secret" not in str(caught.value)


def test_of_ten_megabytes_the_beginning_is_read() -> None:
    known = explained("certificate has expired\n" + "x" * 10_000_000)
    beyond = explained("lorem ipsum\n" * (LONGEST // 10) + "certificate has expired")

    assert known.truncated
    assert known.answers[0].cause.id == "expired"
    assert beyond.truncated
    assert not beyond.answers


@pytest.mark.parametrize("noise", ["\x1b[31m\x1b[0m", "%s %n {} {0}", "((((", "<" * 999, "\\" * 9])
def test_odd_characters_around_a_text_do_no_harm(noise: str) -> None:
    assert causes(f"{noise} certificate has expired {noise}")[0] == "expired"


def test_every_answer_has_a_case_a_cure_and_a_clue_or_an_issuer() -> None:
    for row in kept("catalogue"):
        for answer in explained(row["text"]).answers:
            assert answer.cases
            assert answer.clues or answer.issuer
    assert all(cause.fix for cause in explainer().causes.values())
