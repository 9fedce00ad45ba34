"""``mitmail explain``: what is typed or piped, what is printed, and how it ends."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from explaining import kept
from mitmail import shipped
from mitmail.cli import causes, cli
from mitmail.cli.explained_schema import DOCUMENTS
from mitmail.errors import MitmailError
from mitmail.scenario import loader

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"


def run(*words: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(cli, ["explain", *words], input=given)


def test_the_answer_says_cause_speaker_certainty_case_cure_and_question() -> None:
    result = run("SSL_ERROR_BAD_CERT_DOMAIN")

    assert result.exit_code == 0
    for words in (
        "The certificate is for another server name", "Thunderbird (NSS); the mail program",
        "measured (Thunderbird 153 in mitmail's runs)", "mitmail serve hosting-wildcard",
        "Type the server name that the certificate has", "Which names does the certificate have?",
    ):  # fmt: skip
        assert words in result.output


def test_words_need_no_quotes_and_may_begin_with_a_hyphen() -> None:
    assert "(wrong-name)" in run("the", "target", "principal", "name", "is", "incorrect").output
    assert "(starttls-missing)" in run("-ERR", "STLS", "not", "supported", "by", "server").output
    assert "(wrong-name)" in run("-2146762481").output


def test_of_causes_that_share_a_text_the_likeliest_comes_first_and_outlook_is_asked_which() -> (
    None
):
    output = run("try changing the encryption method").output

    assert output.startswith("4 causes share this text, likeliest first.")
    assert output.index("1. ") < output.index("2. ") < output.index("Less likely:")
    assert output.count("Which Outlook is it, classic, new or mobile?") == 1


def test_what_is_only_similar_is_said_to_be_so() -> None:
    output = run("certificate isn't coming from trusted sources, thunderbird says").output

    assert "Your text is like: The certificate for {host} does not come from" in " ".join(
        output.split()
    )


@pytest.mark.parametrize(
    "text",
    [
        'Mail can\'t verify the identity of the server "imap.gmail.com"',
        "warning: server host name and certificate do not match",
        *(row["text"] for row in kept("paraphrases")),
    ],
)
def test_nothing_but_the_measured_words_themselves_is_called_measured(text: str) -> None:
    for answer in json.loads(run("--json", text).output)["answers"]:
        said = answer["said"]
        assert said["likeness"] == "exact" or said["mark"] == "recalled", said


def test_words_that_are_measured_are_known_in_any_case_and_with_any_host() -> None:
    text = (
        "msmtp: TLS CERTIFICATE VERIFICATION FAILED: The  name in the certificate does not match"
    )
    said = json.loads(run("--json", f"{text} the expected.").output)["answers"][0]["said"]

    assert (said["mark"], said["likeness"]) == ("measured", "exact")


@pytest.mark.parametrize("words", [("-",), ()])
def test_standard_input_is_read(words: tuple[str, ...]) -> None:
    result = run(*words, given="> certificate\n> has expired\n".encode("utf-16"))

    assert result.exit_code == 0
    assert "(expired)" in result.output


def test_what_is_not_known_ends_with_1_and_names_the_nearest_topics() -> None:
    result = run("552 mailbox full")

    assert result.exit_code == 1
    assert result.output.startswith("Not known.")
    assert result.output.count("mitmail serve") == 3


@pytest.mark.parametrize(
    ("given", "words"), [(b"", "nothing to explain"), (b"\0\1\2\xff" * 99, "this is no text")]
)
def test_bad_input_is_one_clear_line(given: bytes, words: str) -> None:
    result = run("-", given=given)

    assert isinstance(result.exception, MitmailError)
    assert words in str(result.exception)
    assert result.exception.exit_code == 2


@pytest.mark.parametrize(
    "text", ["certificate has expired", "issued by Sophos SSL CA_1", "verify error:num=19", "abc"]
)
def test_what_was_pasted_is_not_printed_again(text: str) -> None:
    result = run(f"{text}, password is hunter2")

    assert "hunter2" not in result.output


def test_of_pasted_certificates_it_is_said_who_looks_at_them() -> None:
    pasted = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

    assert "mitmail check --chain -" in run(given=pasted).output
    assert "mitmail check --chain -" in run(given=pasted + b"certificate has expired").output


@pytest.mark.parametrize(
    "text", [row["text"] for row in (*kept("catalogue")[::7], *kept("unrelated")[::9])]
)
def test_the_document_is_as_its_schema_says(text: str) -> None:
    document = json.loads(run("--json", text).output)

    Draft202012Validator(DOCUMENTS["explanation"]).validate(document)


def test_the_document_of_an_issuers_name_is_as_its_schema_says() -> None:
    document = json.loads(run("--json", "CN=Norton Web/Mail Shield Untrusted Root").output)

    Draft202012Validator(DOCUMENTS["explanation"]).validate(document)
    assert document["antivirus"] == "norton"
    assert document["answers"][0]["id"] == "antivirus-untrusted-root"
    assert document["answers"][0]["said"]["window"] == "certificate"


def test_the_schema_refuses_an_answer_without_a_case() -> None:
    document = json.loads(run("--json", "certificate has expired").output)
    document["answers"][0]["cases"] = []

    assert list(Draft202012Validator(DOCUMENTS["explanation"]).iter_errors(document))


@pytest.mark.parametrize("name", ["explanation", "cause", "speaker"])
def test_the_schemas_are_printed(name: str) -> None:
    schema = json.loads(CliRunner().invoke(cli, ["schema", name]).output)

    Draft202012Validator.check_schema(schema)


def test_the_page_in_docs_is_what_the_files_say() -> None:
    """Otherwise: make docs."""
    speakers = [loader.load_speaker(file) for file in loader.speaker_files().values()]
    found = (loader.load_cause(file) for file in loader.cause_files().values())

    assert PAGE.read_text(encoding="utf-8") == causes.page(found, speakers)


def test_the_page_has_every_cause_and_every_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for file in Path(str(shipped.CAUSES)).glob("*.yaml"):
        assert f"\n`{file.stem}`: " in page
    assert page.count("0x800CCC0E") == 1


def test_the_page_is_not_mixed_with_a_text() -> None:
    assert run("--markdown", "certificate has expired").exit_code == 2
