"""What the findings say of ordinary certificates, beyond what the scenarios show."""

import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import ordinary
from bench import clean_environment, need
from mitmail.diagnose import gap
from mitmail.diagnose.diagnosis import diagnose
from mitmail.diagnose.finding import Finding
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.roots import Roots, public
from mitmail.pki.certificate import pem

PUBLIC = Roots(ordinary.public_roots(), "the public roots", public=True)
LETS, ADCS = ordinary.ORDINARY["letsencrypt-E6"], ordinary.ORDINARY["microsoft-"]
DAY = timedelta(days=1)


def found(
    chain: tuple[bytes, ...], *, name: str | None = ordinary.HOST, later: timedelta = 0 * DAY,
    only_leaf: bool = False, port: int | None = None, roots: Roots = PUBLIC, **other: Any,
) -> dict[str, Finding]:  # fmt: skip
    """The findings about a chain, by their ids."""
    presented = Presented(
        chain=chain, name=name, at=ordinary.NOW + later, source="x", only_leaf=only_leaf,
        port=port, **other,
    )  # fmt: skip
    return {one.id: one for one in diagnose(presented, roots)}


@pytest.mark.parametrize("shape", ordinary.PUBLIC, ids=lambda shape: shape.id)
def test_an_ordinary_chain_of_a_public_authority_is_good(shape: ordinary.Shape) -> None:
    name = ordinary.HOST
    assert set(found(ordinary.chain(shape), name=name)) <= {"ok", "chain-root", "expires-soon"}


def test_a_leaf_that_is_logged_lacks_its_intermediate_for_certain() -> None:
    one = found((ordinary.leaf(LETS),))["incomplete-chain"]

    assert (one.reason, one.severity) == ("incomplete-chain", "critical")
    assert ordinary.published(LETS) in one.words
    assert "fullchain" in one.fix


def test_a_private_root_is_never_taken_for_a_missing_intermediate() -> None:
    """Windows authorities write where their root is published into each leaf, too."""
    one = found((ordinary.leaf(ADCS),))["unknown-issuer"]

    assert one.reason == "unknown-issuer"
    assert ordinary.published(ADCS) in one.words


def test_what_the_text_does_not_show_is_unknown() -> None:
    one = found((ordinary.leaf(LETS),), only_leaf=True)["issuer-not-shown"]

    assert (one.severity, one.reason) == ("unknown", None)
    assert "-showcerts" in one.fix


def test_a_gap_in_a_text_is_no_fault_of_the_server() -> None:
    root = ordinary.root(LETS.root).certificate
    one = found((ordinary.leaf(LETS), root), partial=True)["issuer-not-shown"]
    lossy = found((ordinary.leaf(LETS), root), partial=True, listed=3)

    assert (one.severity, one.reason) == ("unknown", None)
    assert "may hold less than was sent" in one.words
    assert "listing shows 3 certificates, and the text holds 2" in lossy["issuer-not-shown"].words
    assert set(lossy) == {"issuer-not-shown"}


def test_what_only_the_text_holds_was_not_sent() -> None:
    leaf, above = ordinary.chain(ordinary.renamed(LETS, inside=()))
    one = found((leaf,), besides=(above,))["incomplete-chain"]

    assert (one.severity, one.reason) == ("critical", "incomplete-chain")
    assert "does not send it" in one.words


def test_of_a_saved_file_the_order_that_is_sent_is_not_known() -> None:
    leaf, above = ordinary.chain(LETS)
    root = ordinary.root(LETS.root).certificate
    sent, saved = (found((leaf, root, above, above), partial=x) for x in (False, True))

    assert {sent[x].severity for x in ("chain-order", "chain-duplicate")} == {"low"}
    assert {one.severity for one in saved.values()} == {"info", "ok"}
    assert "does not show" in saved["ok"].words
    assert not any("sent" in one.words for one in saved.values())


@pytest.mark.parametrize(
    ("left", "severity"), [(30, None), (20, "low"), (6, "medium"), (-1, "critical")]
)
def test_what_expires_soon_is_told_before(left: int, severity: str | None) -> None:
    known = found(ordinary.chain(LETS), later=(LETS.days - 1 - left) * DAY)
    one = known.get("expires-soon") or known.get("expired")

    assert (one and one.severity) == severity


def test_a_certificate_of_six_days_is_not_old_after_one() -> None:
    short = ordinary.chain(ordinary.ORDINARY["letsencrypt-6-days"])

    assert "expires-soon" not in found(short, later=1 * DAY)
    assert found(short, later=4 * DAY)["expires-soon"].severity == "low"


@pytest.mark.parametrize(
    ("names", "name", "words"),
    [
        (("*.hoster.test", "hoster.test"), "mail.customer.test", "for *.hoster.test, hoster.test"),
        (("*.customer.test",), "customer.test", "*.customer.test does not cover customer.test"),
        (("*.customer.test",), "a.b.customer.test", "stands for one label only"),
        (("mail.customer.test",), "192.0.2.1", "not for 192.0.2.1"),
        (tuple(f"h{n}.test" for n in range(9)), "mail.customer.test", "h5.test and 3 more"),
    ],
)
def test_a_wrong_name_comes_with_the_right_ones(
    names: tuple[str, ...], name: str, words: str
) -> None:
    one = found(ordinary.chain(LETS, names=names), name=name)["name-mismatch"]
    assert words in one.words


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        (f"{ordinary.HOST}.", ordinary.HOST, f'for "{ordinary.HOST}.". A dot stands behind'),
        (f" {ordinary.HOST}", ordinary.HOST, f'for "\N{OPEN BOX}{ordinary.HOST}". A space'),
        ("dns:192.0.2.7", "192.0.2.7", "192.0.2.7 stands in the certificate as a DNS name"),
        ("dns:2001:db8::7", "2001:db8::7", "2001:db8::7 stands in the certificate as a DNS name"),
    ],
)
def test_a_name_that_only_looks_right_is_told_from_the_right_one(
    name: str, typed: str, words: str, tmp_path: Path
) -> None:
    leaf, above = ordinary.chain(LETS, names=(name,))
    one = found((leaf, above), name=typed)["name-mismatch"]
    option = "-verify_ip" if ":" in name else "-verify_hostname"
    for file, der in (("leaf.pem", leaf), ("above.pem", above)):
        (tmp_path / file).write_bytes(pem(der))
    verify = subprocess.run(
        [need("openssl"), "verify", "-partial_chain", "-trusted", "above.pem", option, typed,
         "leaf.pem"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30,
        env=clean_environment(),
    )  # fmt: skip

    assert words in one.words
    assert re.search("error 6[24] at 0 depth", verify.stderr)


@pytest.mark.parametrize(
    ("days", "public", "id_"),
    [(398, True, None), (400, True, "long-lived-public"), (900, True, "long-lived-public"),
     (400, False, None), (900, False, "long-lived")],
)  # fmt: skip
def test_of_a_public_authority_apple_takes_less(
    days: int, id_: str | None, *, public: bool
) -> None:
    chain = ordinary.chain(ordinary.renamed(LETS, days=days))
    known = found(chain, roots=replace(PUBLIC, public=public))
    told = {id_} - {None}

    assert {x for x in known if x.startswith("long-lived")} == told
    assert {known[str(x)].severity for x in told} <= {"low"}
    assert "ok" in known
    assert all(("398" in known[str(x)].words) is public for x in told)


def test_what_is_older_than_the_rule_may_live_as_long_as_it_did() -> None:
    before = datetime(2020, 8, 1, tzinfo=UTC) - ordinary.NOW
    chain = ordinary.chain(ordinary.renamed(LETS, days=800), since=before)
    assert "long-lived-public" not in found(chain, later=before + DAY)


def test_the_number_of_what_is_sent_needlessly_is_told() -> None:
    leaf, above = ordinary.chain(LETS)
    known = found((leaf, above, above, ordinary.issuer(ADCS).certificate))

    assert "1 of the 4 certificates are sent twice" in known["chain-duplicate"].words
    assert "corp-DC01-CA" in known["chain-unrelated"].words
    assert {one.reason for one in known.values()} == {None}


def test_a_staple_that_was_demanded_is_missed_only_where_it_would_show() -> None:
    shape = ordinary.renamed(LETS, inside=("aia", "must-staple"))
    pasted = found(ordinary.chain(shape))["must-staple"]
    reached = found(ordinary.chain(shape), port=993)["must-staple"]

    assert (pasted.severity, pasted.reason) == ("unknown", None)
    assert (reached.severity, reached.reason) == ("high", "policy")


@pytest.mark.parametrize("key", ["rsa1024", "ec224", "dsa2048"])
def test_a_weak_key_is_told_and_which(key: str) -> None:
    one = found(ordinary.chain(ordinary.renamed(LETS, key=key)))["weak-key"]
    assert (one.severity, one.reason) == ("high", "weak")


def test_a_small_exponent_is_not_told_as_a_short_key() -> None:
    known = found(ordinary.chain(ordinary.renamed(LETS, key="rsa2048-e3")))
    one = known["small-exponent"]
    assert (one.severity, one.reason) == ("high", "weak")
    assert "exponent 3" in one.words
    assert "weak-key" not in known
    assert "65537" in one.fix


def test_nothing_is_good_that_nobody_looked_at() -> None:
    assert "ok" not in found(ordinary.chain(LETS), name=None)
    assert "ok" not in found((ordinary.leaf(LETS),), only_leaf=True)
    assert set(found(())) == {"no-certificate"}


def test_control_characters_of_a_certificate_never_reach_a_terminal() -> None:
    hostile = ordinary.renamed(LETS, subject=(("CN", "a\x1b[2Jb"), ("O", "x\ny")))
    chain = ordinary.chain(hostile, names=("mail.customer.test",))
    for one in found(chain, name="other.test").values():
        assert one.words.isprintable()


def test_the_public_roots_are_those_of_certifi() -> None:
    assert public().public
    assert len(public().loaded) == len(public().certificates) > 100


# -- an authority's certificate alone ------------------------------------------------------------


@pytest.mark.parametrize("name", [ordinary.HOST, None])
@pytest.mark.parametrize(
    "shape",
    [LETS, ordinary.ORDINARY["microsoft-r"], ordinary.ORDINARY["letsencrypt-root-sent"]],
    ids=lambda shape: shape.id,
)
def test_of_an_authority_alone_nothing_is_said_of_the_server(
    shape: ordinary.Shape, name: str | None
) -> None:
    above_it = ordinary.chain(shape)[1:]
    assert above_it
    for above in above_it:
        said = found((above,), name=name, only_leaf=True)

        assert list(said) == ["no-server-certificate"]
        assert said["no-server-certificate"].severity == "unknown"


def test_what_a_server_was_seen_to_send_is_its_own() -> None:
    above = ordinary.chain(LETS)[1:2]

    assert "ca-as-leaf" in found(above, port=993)
    # One certificate was sent, says the text of openssl s_client.
    assert "ca-as-leaf" in found(above, only_leaf=False)


@pytest.mark.parametrize("sent", ["i", ""], ids=["whole", "the leaf alone"])
def test_a_public_root_that_the_client_lacks_is_no_fault_of_the_server(
    sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gap, "public", lambda: PUBLIC)
    lets, other = (ordinary.ORDINARY[x] for x in ("letsencrypt-E6", "digicert-ov"))
    old = Roots((ordinary.root(other.root).certificate,), "old.pem")
    chain = ordinary.chain(ordinary.renamed(lets, sent=sent))
    shown = Presented(chain=chain, name=ordinary.HOST, at=ordinary.NOW, source="HOST:993")
    (one,) = [each for each in diagnose(shown, old) if each.reason]

    if sent:
        assert "a public root that is not among old.pem" in one.words
        assert "Nothing is wrong with the server" in one.fix
    else:
        assert one.id == "incomplete-chain"
        assert "Configure the server" in one.fix
