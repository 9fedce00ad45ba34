"""Who is to blame, in situations whose answer is known because they were built."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

import pytest

import ordinary
from mitmail.diagnose import evidence, recognition
from mitmail.diagnose.blame import Blame, blame
from mitmail.diagnose.presented import Presented
from mitmail.diagnose.roots import Roots
from mitmail.interception import Popup
from mitmail.pki.identity import Identity
from mitmail.pki.store import Store
from mitmail.plan import shield as shielding
from mitmail.scenario import loader

PUBLIC = Roots(ordinary.public_roots(), "the public roots", public=True)
LETS, DIGICERT = ordinary.ORDINARY["letsencrypt-E6"], ordinary.ORDINARY["digicert-ov"]
PRIVATE = ordinary.ORDINARY["corporate-tiered-Issuing"]
DAY = timedelta(days=1)
LONG = pytest.mark.long
STORE = Store(None)


@dataclass(frozen=True)
class Seen:
    chain: tuple[bytes, ...]
    errors: tuple[str, ...] = ()
    alpn: bytes | None = None


def shown(
    chain: tuple[bytes, ...], *, name: str | None = ordinary.HOST, ago: timedelta = 0 * DAY,
    only_leaf: bool = False,
) -> Presented:  # fmt: skip
    """What a server showed, so long ago."""
    return Presented(
        chain=chain, name=name, at=ordinary.NOW - ago, source="a file", only_leaf=only_leaf
    )


@pytest.fixture
def public_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world whose public roots are those of the ordinary authorities."""
    for module in (evidence, recognition):
        monkeypatch.setattr(module, "public", lambda: PUBLIC)


@cache
def product(vendor: str, *switches: str) -> shielding.Shield:
    return shielding.make(
        loader.find_vendor(vendor), STORE, ordinary.NOW, frozenset(switches), exact=True
    )


def behind(
    vendor: str, upstream: tuple[bytes, ...], *errors: str, switches: tuple[str, ...] = ()
) -> tuple[bytes, ...]:
    """What a client is shown behind a product that met this server."""
    choose = product(vendor, *switches).chooser("imaps", ordinary.HOST)
    answer = choose(Seen(upstream, errors), ordinary.HOST)
    answer = answer.then if isinstance(answer, Popup) else answer
    assert isinstance(answer, Identity)
    return answer.chain


def asked(
    customers: Presented | tuple[bytes, ...], *providers: Presented | tuple[bytes, ...],
    roots: Roots = PUBLIC,
) -> Blame:  # fmt: skip
    def seen(one: Presented | tuple[bytes, ...]) -> Presented:
        return one if isinstance(one, Presented) else shown(one)

    return blame(seen(customers), [seen(one) for one in providers], roots)


def said(found: Blame) -> str:
    return " ".join(found.evidence)


# -- an antivirus, a gateway ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "vendor", ["norton", "eset", *(pytest.param(x, marks=LONG) for x in ("avast", "kaspersky"))]
)
def test_a_good_server_behind_an_antivirus_is_the_antivirus(vendor: str) -> None:
    good = ordinary.chain(LETS)
    found = asked(behind(vendor, good), good)

    assert (found.who, found.product and found.product.id) == ("antivirus", vendor)
    assert "to the second" in said(found)
    assert "Nothing is wrong with the provider's own" in said(found)


@pytest.mark.parametrize("vendor", ["fortinet", pytest.param("zscaler", marks=LONG)])
def test_a_good_server_behind_a_gateway_is_the_gateway(vendor: str) -> None:
    good = ordinary.chain(DIGICERT)
    found = asked(behind(vendor, good), good)

    assert (found.who, found.product and found.product.id) == ("gateway", vendor)


def test_the_untrusted_root_of_norton_is_norton_all_the_same() -> None:
    good = ordinary.chain(LETS)
    found = asked(behind("norton", good, switches=("untrusted-on-implicit-tls",)), good)

    assert found.who == "antivirus"
    assert found.product is not None
    assert found.product.signer == "untrusted"


def test_an_antivirus_whose_root_was_imported_is_named_too() -> None:
    good = ordinary.chain(LETS)
    copy = behind("norton", good)
    found = asked(copy, good, roots=Roots((*PUBLIC.certificates, copy[-1]), "his roots"))

    assert found.who == "antivirus"


def test_the_leaf_alone_of_a_copy_is_enough() -> None:
    good = ordinary.chain(LETS)
    found = asked(shown(behind("norton", good)[:1], only_leaf=True), good)

    assert found.who == "antivirus"


# -- both ----------------------------------------------------------------------------------------


def test_an_antivirus_that_signs_a_copy_of_an_expired_one_is_both() -> None:
    old = ordinary.chain(LETS, since=-100 * DAY)
    found = asked(behind("norton", old, "expired"), old)

    assert (found.who, found.product and found.product.id) == ("both", "norton")
    assert "expired" in said(found)


def test_a_gateway_that_masks_a_wrong_name_is_both() -> None:
    other = ordinary.chain(LETS, names=("other.hoster.test",))
    found = asked(behind("fortinet", other, "name-mismatch"), other)

    assert found.who == "both"
    assert "other.hoster.test" in said(found)


def test_an_antivirus_before_a_server_without_its_intermediate_is_both() -> None:
    alone = (ordinary.leaf(LETS),)
    found = asked(behind("norton", alone, "unknown-issuer"), alone)

    assert found.who == "both"
    assert "was not sent" in said(found)


# -- the provider --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (ordinary.chain(LETS, since=-100 * DAY), "expired"),
        (ordinary.chain(LETS, names=("*.hoster.test",)), "*.hoster.test"),
        ((ordinary.leaf(DIGICERT),), "was not sent"),
    ],
    ids=["expired", "name", "incomplete"],
)
def test_the_providers_own_faulty_certificate_is_the_provider(
    chain: tuple[bytes, ...], words: str
) -> None:
    found = asked(chain, chain)

    assert found.who == "provider"
    assert words in said(found)


def test_the_one_that_expired_and_was_renewed_since_is_the_provider() -> None:
    before = shown(ordinary.chain(LETS, since=-91 * DAY), ago=timedelta(minutes=30))
    found = asked(before, ordinary.chain(LETS, since=-timedelta(minutes=10), slot="renewed"))

    assert found.who == "provider"
    assert "no antivirus can do" in said(found)
    assert "What the provider shows now is in order" in said(found)
    assert "try once more" in found.next


def test_a_leaf_alone_borrows_its_intermediate_from_the_provider() -> None:
    before = shown((ordinary.leaf(LETS, since=-91 * DAY),), only_leaf=True)
    found = asked(before, ordinary.chain(LETS, slot="renewed"))

    assert found.who == "provider"
    assert "no antivirus can do" in said(found)
    assert "expired" in said(found)


def test_one_of_several_machines_without_its_intermediate_is_the_provider() -> None:
    whole = ordinary.chain(DIGICERT)
    found = asked(whole[:1], whole)

    assert found.who == "provider"
    assert "nobody has re-signed it" in said(found)
    assert "What the provider shows now is in order" in said(found)
    assert "try once more" in found.next


def test_what_expired_after_it_was_asked_of_the_provider_is_the_provider() -> None:
    chain = ordinary.chain(LETS, since=-91 * DAY)
    found = asked(chain, shown(chain, ago=7 * DAY))

    assert found.who == "provider"
    assert "expired" in said(found)
    assert "in order" not in said(found)


# -- nobody can tell -----------------------------------------------------------------------------


def test_a_good_certificate_that_is_the_same_blames_nobody() -> None:
    good = ordinary.chain(LETS)
    found = asked(good, good)

    assert found.who == "cannot-tell"
    assert "nobody has re-signed it" in said(found)


@pytest.mark.parametrize("ago", [-200 * DAY, 200 * DAY], ids=["ahead", "behind"])
def test_a_clock_that_is_wrong_blames_nobody(ago: timedelta) -> None:
    good = ordinary.chain(LETS)
    found = asked(shown(good, ago=ago), good)

    assert found.who == "cannot-tell"
    assert "his clock may be wrong" in said(found)


def test_several_good_leaves_of_one_authority_blame_nobody() -> None:
    first, second = (ordinary.chain(LETS, slot=slot) for slot in ("one", "two"))
    assert asked(first, second).who == "cannot-tell"
    assert asked(first, second, first).who == "cannot-tell"


def test_a_good_certificate_before_a_change_of_authority_blames_nobody() -> None:
    found = asked(ordinary.chain(LETS), ordinary.chain(DIGICERT, slot="other"))

    assert found.who == "cannot-tell"


def test_a_strange_certificate_that_is_no_copy_blames_nobody() -> None:
    strange = ordinary.chain(ordinary.ORDINARY["plesk"], since=-20 * DAY)
    found = asked(strange, ordinary.chain(LETS))

    assert found.who == "cannot-tell"
    assert "nor certainly a copy of it" in said(found)


def test_another_server_with_a_public_certificate_blames_nobody() -> None:
    """The name leads to another address there: a hotel, a parked domain."""
    elsewhere = ordinary.chain(LETS, names=("parked.hoster.test",), slot="elsewhere")
    found = asked(elsewhere, ordinary.chain(DIGICERT))

    assert found.who == "cannot-tell"
    assert "another server may have answered" in said(found)


def test_two_names_blame_nobody() -> None:
    found = asked(ordinary.chain(PRIVATE), shown(ordinary.chain(LETS), name="imap.hoster.test"))

    assert found.who == "cannot-tell"
    assert "imap.hoster.test" in said(found)


def test_a_certificate_of_nobodys_that_is_faulty_blames_nobody() -> None:
    strange = ordinary.chain(ordinary.ORDINARY["plesk"], since=-500 * DAY)
    found = asked(strange, ordinary.chain(LETS))

    assert found.who == "cannot-tell"


def test_who_is_behind_an_antivirus_himself_cannot_tell() -> None:
    good = ordinary.chain(LETS)
    ours = behind("eset", good)
    found = asked(behind("norton", good), ours)

    assert found.who == "cannot-tell"
    assert "from here is intercepted, too" in said(found)


@pytest.mark.parametrize("vendor", ["norton", "fortinet"])
def test_the_copy_that_is_seen_from_here_too_blames_nobody(vendor: str) -> None:
    copy = behind(vendor, ordinary.chain(LETS))
    found = asked(copy, copy)

    assert found.who == "cannot-tell"
    assert "from here is intercepted, too" in said(found)


def test_the_same_certificate_of_somebody_who_may_be_a_product_blames_nobody() -> None:
    brand = ordinary.renamed(PRIVATE, root=(("O", "Sophos"), ("CN", "Sophos_CA_C1")))
    copy = copied_by(brand, ordinary.chain(LETS))
    found = asked(copy, copy)

    assert found.who == "cannot-tell"
    assert "may have been signed by Sophos" in said(found)


def test_an_expired_copy_beside_a_good_certificate_blames_nobody() -> None:
    """Products copy the dates, so what this one copied had expired; or it kept its copy."""
    old = ordinary.chain(LETS, since=-100 * DAY, slot="before")
    found = asked(behind("norton", old, "expired"), ordinary.chain(LETS))

    assert found.who == "cannot-tell"
    assert "certainly Norton" in said(found)
    assert "the copy has expired" in said(found)


@pytest.mark.parametrize("slot", ["", "another machine"], ids=["one leaf", "two leaves"])
def test_an_authority_that_nobody_vouches_for_is_the_providers_or_before_both(slot: str) -> None:
    """A gateway of the house in which both of them sit would look just like that."""
    found = asked(ordinary.chain(PRIVATE), ordinary.chain(PRIVATE, slot=slot))

    assert found.who == "cannot-tell"
    assert '"Acme Issuing CA" signed it, and nobody outside vouches for that' in said(found)
    assert "another network" in found.next


def test_a_text_that_may_lack_what_was_sent_blames_nobody() -> None:
    saved = replace(shown(ordinary.chain(DIGICERT)[:1]), partial=True)
    found = asked(saved, saved)

    assert found.who == "cannot-tell"
    assert "not in the text" in said(found)
    assert "-showcerts" in found.next
    assert asked(saved, ordinary.chain(DIGICERT)).who == "cannot-tell"


def test_of_a_saved_text_it_is_not_known_that_all_is_in_order() -> None:
    good = replace(shown(ordinary.chain(LETS)), partial=True)

    assert "as far as it is shown" in said(asked(behind("norton", good.chain), good))
    old = ordinary.chain(LETS, since=-100 * DAY)
    assert "in order" not in said(asked(old, replace(good, partial=True)))


def test_a_root_of_the_clients_own_vouches_for_nobody() -> None:
    """It is the house's as often as the provider's."""
    old = ordinary.chain(PRIVATE, since=-1000 * DAY)
    trusting = Roots((ordinary.root(PRIVATE.root).certificate,), "his roots")

    for other in (old, ordinary.chain(PRIVATE, slot="new")):
        found = asked(old, other, roots=trusting)
        assert found.who == "cannot-tell"
        assert "expired" in said(found)


def test_scts_vouch_for_nobody_where_the_authority_is_seen_to_be_private() -> None:
    logged = ordinary.renamed(PRIVATE, inside=("aia", "policies", "sct"), sent="ir")
    chain = ordinary.chain(logged)

    assert asked(chain, chain).who == "cannot-tell"


# Two certificates of one order, for RSA and for ECDSA, of two authorities under one root.
RSA = ordinary.renamed(LETS, issuer=ordinary.name("O=Let's Encrypt", "CN=R99"), key="rsa2048")
SISTER = ordinary.renamed(PRIVATE, issuer=ordinary.name("O=Acme", "CN=Acme Issuing CA 2"))
MIDNIGHT = ordinary.NOW.replace(hour=0, minute=0, second=0) - ordinary.NOW


@pytest.mark.parametrize("since", [-DAY, MIDNIGHT], ids=["second", "midnight"])
def test_two_certificates_of_one_order_are_no_copies(since: timedelta) -> None:
    pasted = shown((ordinary.leaf(RSA, since=since, slot="rsa"),), only_leaf=True)
    for other in (ordinary.chain(LETS, since=since), (ordinary.leaf(LETS, since=since),)):
        assert asked(pasted, other).who == "cannot-tell"


@pytest.mark.parametrize("sent", ["i", "ir"])
@pytest.mark.parametrize("trusted", [True, False])
def test_two_authorities_under_one_private_root_blame_nobody(sent: str, trusted: bool) -> None:
    one, other = (
        ordinary.chain(ordinary.renamed(shape, sent=sent), slot=shape.id + sent)
        for shape in (PRIVATE, ordinary.renamed(SISTER, id="sister"))
    )
    root = Roots((ordinary.root(PRIVATE.root).certificate,), "his roots")
    found = asked(one, other, roots=root if trusted else PUBLIC)

    assert found.who == "cannot-tell"


def test_a_root_that_only_the_client_lacks_blames_nobody(public_world: None) -> None:
    """An old telephone: nothing is wrong with the server."""
    good = ordinary.chain(LETS)
    old = Roots((ordinary.root(DIGICERT.root).certificate,), "his roots")
    found = asked(good, good, roots=old)

    assert found.who == "cannot-tell"
    assert "which the customer's client does not know" in said(found)
    assert "Update the customer's" in found.next


def test_what_the_antivirus_alone_is_trusted_for_is_no_fault_of_the_provider(
    public_world: None,
) -> None:
    good = ordinary.chain(LETS)
    copy = behind("norton", good)

    assert asked(copy, good, roots=Roots((copy[-1],), "his roots")).who == "antivirus"


def test_of_two_machines_the_one_that_was_copied_counts() -> None:
    old, good = ordinary.chain(LETS, since=-100 * DAY), ordinary.chain(LETS, slot="good")
    copy = behind("norton", old, "expired")

    assert asked(copy, old, good).who == "both"
    assert asked(copy, good, old).who == "both"
    assert asked(behind("norton", good), old, good).who == "antivirus"


def test_of_two_machines_with_one_certificate_nobody_knows_which_was_copied() -> None:
    whole = ordinary.chain(DIGICERT)
    found = asked(behind("norton", whole), whole[:1], whole)

    assert found.who == "cannot-tell"
    assert "which one the customer met" in said(found)
    assert "certainly Norton" in said(found)


def test_a_root_that_marks_what_is_distrusted_is_not_to_be_imported() -> None:
    good = ordinary.chain(LETS)
    found = asked(behind("norton", good, switches=("untrusted-on-implicit-tls",)), good)

    assert "import this root cures nothing" in found.next
    assert "signed with its untrusted root" in said(found)
    assert "import its root" in asked(behind("norton", good), good).next


def test_a_line_from_here_that_may_be_intercepted_blames_nobody() -> None:
    brand = ordinary.renamed(PRIVATE, root=(("O", "Sophos"), ("CN", "Sophos_CA_C1")))
    good = ordinary.chain(LETS)
    found = asked(good, copied_by(brand, good))

    assert found.who == "cannot-tell"
    assert "from here may be intercepted" in said(found)


def test_an_unknown_gateway_before_both_blames_nobody() -> None:
    old = ordinary.chain(LETS, since=-100 * DAY)
    copy = copied_by(PRIVATE, old)
    found = asked(copy, copy)

    assert found.who == "cannot-tell"
    assert "expired" in said(found)
    assert asked(copy[:1], copy[:1]).who == "cannot-tell"


def test_one_key_for_all_copies_blames_nobody() -> None:
    """Two gateways of one make, or one with a new root: each signs with its own."""
    first, second = (
        ordinary.renamed(PRIVATE, root=ordinary.name(f"CN={who}"), issuer=None)
        for who in ("First", "Second")
    )
    found = asked(ordinary.chain(first), ordinary.chain(second))

    assert found.who == "cannot-tell"
    assert "for the same key" in said(found)


def test_a_copy_that_had_not_expired_when_it_was_seen_is_the_antivirus() -> None:
    old = ordinary.chain(LETS, since=-100 * DAY, slot="before")
    before = shown(behind("norton", old), ago=30 * DAY)

    assert asked(before, ordinary.chain(LETS)).who == "antivirus"


def test_who_pastes_an_authority_alone_blames_nobody() -> None:
    good = ordinary.chain(LETS)
    root = shown(behind("norton", good)[-1:], only_leaf=True)
    for found in (asked(root, good), asked(good, root), asked(root, root)):
        assert found.who == "cannot-tell"
        assert "Only an authority's certificate is here" in said(found)


def test_nothing_to_compare_blames_nobody() -> None:
    good = ordinary.chain(LETS)
    for found in (asked((), good), asked(good, ()), asked(good)):
        assert found.who == "cannot-tell"


# -- somebody unknown ----------------------------------------------------------------------------


def copied_by(shape: ordinary.Shape, upstream: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """A copy that an authority makes which nobody knows."""
    profile = loader.find_vendor("generic").also(
        {"roots": {"trusted": {"subject": [list(pair) for pair in shape.root]}}, "chain": ["leaf"]}
    )
    made = shielding.make(profile, Store(None), ordinary.NOW, exact=True)
    answer = made.chooser("imaps", ordinary.HOST)(Seen(upstream), ordinary.HOST)
    assert isinstance(answer, Identity)
    return answer.chain


def test_a_copy_to_the_second_by_nobody_known_is_an_interception() -> None:
    good = ordinary.chain(LETS)
    found = asked(copied_by(PRIVATE, good), good)

    assert (found.who, found.product) == ("interception", None)
    assert "Acme Root CA G1" in said(found)


def test_a_copy_to_the_second_of_a_faulty_one_is_both() -> None:
    old = ordinary.chain(LETS, since=-100 * DAY)
    found = asked(copied_by(PRIVATE, old), old)

    assert (found.who, found.product) == ("both", None)


def test_certificates_of_one_key_are_of_one_owner() -> None:
    """Two authorities signed for the provider, and one of them is his own."""
    strange = ordinary.chain(ordinary.renamed(PRIVATE, key="ec384"))
    found = asked(strange, ordinary.chain(LETS))

    assert found.who == "provider"
    assert "for the same key" in said(found)


# -- every answer --------------------------------------------------------------------------------


def every() -> Sequence[Blame]:
    good, old = ordinary.chain(LETS), ordinary.chain(LETS, since=-100 * DAY)
    return [
        asked(behind("norton", good), good), asked(behind("norton", old, "expired"), old),
        asked(old, old), asked(good, good), asked(copied_by(PRIVATE, good), good),
        asked(ordinary.chain(PRIVATE), good),
    ]  # fmt: skip


def test_every_answer_has_evidence_and_says_what_to_do() -> None:
    for found in every():
        assert found.evidence
        assert found.next
        assert all(words.endswith(".") for words in found.evidence)


def test_a_name_that_nobody_said_compares_all_the_same() -> None:
    good = ordinary.chain(LETS)
    customers = shown(behind("norton", good), name=None)
    assert asked(customers, replace(shown(good), name=None)).who == "antivirus"
