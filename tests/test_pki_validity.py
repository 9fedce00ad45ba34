"""Validity: openssl's ASN.1 parser reads the times as they were written."""

import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from bench import need
from mitmail.errors import MitmailError
from mitmail.pki import key
from mitmail.pki.certificate import Recipe, make
from mitmail.pki.name import distinguished_name
from mitmail.pki.validity import FORMS, NO_END, validity

KEY = key.generate("ec256")
NAME = distinguished_name([("CN", "mail.customer.test")])
BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
END = datetime(2030, 2, 3, 4, 5, 6, tzinfo=UTC)


def openssl(*arguments: str, data: bytes) -> str:
    command = [need("openssl"), *arguments]
    ran = subprocess.run(command, input=data, capture_output=True, timeout=30, check=False)
    return (ran.stdout + ran.stderr).decode("latin-1")


def times(written: bytes) -> list[tuple[str, str]]:
    """The type and text of each time."""
    shown = openssl("asn1parse", "-inform", "DER", data=written)
    return re.findall(r"(UTCTIME|GENERALIZEDTIME) +:(.*)", shown)


def certificate(end: datetime, form: str | None) -> bytes:
    recipe = Recipe(
        subject=NAME,
        issuer=NAME,
        not_before=BEGIN,
        not_after=end,
        validity=validity(BEGIN, end, form),
        spki=key.spki(KEY),
    )
    return make(recipe, KEY)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (None, ("UTCTIME", "300203040506Z")),
        ("no-seconds", ("UTCTIME", "3002030405Z")),
        ("offset", ("UTCTIME", "300203050506+0100")),
        ("fraction", ("GENERALIZEDTIME", "20300203040506.500Z")),
        ("generalized", ("GENERALIZEDTIME", "20300203040506Z")),
        ("month-13", ("UTCTIME", "301303040506Z")),
    ],
)
def test_the_end_is_written_in_its_form_and_the_beginning_rightly(
    form: str | None, written: tuple[str, str]
) -> None:
    assert times(validity(BEGIN, END, form)) == [("UTCTIME", "260102030405Z"), written]


def test_every_form_is_tried_here() -> None:
    assert list(FORMS) == ["no-seconds", "offset", "fraction", "generalized", "month-13"]


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"generalized"}))
def test_cryptography_refuses_every_form_but_an_early_generalized_time(form: str) -> None:
    with pytest.raises(ValueError, match="parsing"):
        _ = x509.load_der_x509_certificate(certificate(END, form)).not_valid_after_utc


@pytest.mark.parametrize("form", [None, "fraction", "generalized"])
def test_openssl_reads_the_same_moment_in_any_form_that_it_can_show(form: str | None) -> None:
    said = openssl("x509", "-inform", "DER", "-noout", "-enddate", data=certificate(END, form))
    assert re.fullmatch(r"notAfter=Feb  3 04:05:06(\.500)? 2030 GMT\n", said)


def test_the_thirteenth_month_is_no_time() -> None:
    made = certificate(END, "month-13")
    assert "Bad time value" in openssl("x509", "-inform", "DER", "-noout", "-enddate", data=made)


def test_no_well_defined_end_is_the_last_second_of_the_year_9999() -> None:
    """RFC 5280 4.1.2.5."""
    assert times(validity(BEGIN, NO_END))[1] == ("GENERALIZEDTIME", "99991231235959Z")
    made = x509.load_der_x509_certificate(certificate(NO_END, None))
    assert made.not_valid_after_utc == NO_END


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "end", [datetime(2050, 1, 1, tzinfo=UTC), NO_END, datetime(1949, 12, 31, tzinfo=UTC)]
)
def test_an_end_that_needs_four_digits_has_no_odd_form(form: str, end: datetime) -> None:
    """UTCTime would mean another century, and GeneralizedTime would be right there."""
    with pytest.raises(MitmailError, match=f"'{form}' is for an end from 1950 through 2049"):
        validity(BEGIN, end, form)


def test_a_clock_ahead_of_utc_does_not_step_out_of_utc_time() -> None:
    last = datetime(2049, 12, 31, 22, 59, 59, tzinfo=UTC)
    assert times(validity(BEGIN, last, "offset"))[1] == ("UTCTIME", "491231235959+0100")
    with pytest.raises(MitmailError, match="through 2049"):
        validity(BEGIN, last + timedelta(seconds=1), "offset")


def test_an_unknown_form_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MitmailError, match="'roman' is unknown; one of: no-seconds, offset"):
        validity(BEGIN, END, "roman")
