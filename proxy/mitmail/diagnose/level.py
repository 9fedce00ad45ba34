"""How binding the rules are that a server breaks: must, should, may."""

from collections.abc import Sequence
from typing import Final

from mitmail.scenario.certificate import Certificate
from mitmail.scenario.fault import Fault
from mitmail.scenario.hostname import NAME, covers, is_hostname, kind_of
from mitmail.scenario.reference import LEAF, ROOT
from mitmail.scenario.server import Server
from mitmail.scenario.verdict import Level

_ORDER: Final[tuple[Level, ...]] = ("may", "should", "must")

type Table = tuple[tuple[str, Level], ...]

# By how a fault's words begin, the first that fits: the levels that the catalogue gives, and the
# weaker one where it gives several. What is not here is "may".
_LEVELS: Final[Table] = (
    ("no certificate is sent", "must"),
    ("expired", "must"),
    ("not yet valid", "must"),
    ("is not a CA", "must"),
    ("its issuer", "must"),
    ("signed by its own key", "must"),
    ("a root that is not trusted", "must"),
    ("a root whose name is known", "must"),
    ("one bit of its signature", "must"),
    ("its two signature algorithms", "must"),
    ("nameConstraints do not allow", "must"),
    ("a critical extension", "must"),
    ("at most", "must"),
    ("the curve is given", "must"),
    ("signed with md5", "must"),
    ("signed with sha1", "should"),
    ("a weak or odd key: rsa1024", "should"),
    ("a weak or odd key: rsa512", "should"),
    ("a key that few clients take: dsa2048", "should"),
    ("a broken subjectAltName", "should"),
    ("an address of the wrong length", "should"),
    ("broken encoding: random", "must"),
    ("broken encoding: truncated", "must"),
    ("broken encoding: trailing-octets", "must"),
    ("broken encoding: long-", "should"),
    ("the end of its validity is written wrongly: month-13", "must"),
    ("the end of its validity is written wrongly: generalized", "may"),
    ("the end of its validity is written wrongly", "should"),
    ("version 1", "should"),
    ("keyUsage: no bit", "should"),
    ("keyUsage", "must"),
    ("extendedKeyUsage: any", "may"),
    ("extendedKeyUsage: none", "should"),
    ("extendedKeyUsage: not for servers", "must"),
    ("none, though the certificate demands one", "should"),
    ("says revoked", "should"),
    ("says unknown", "should"),
    ("too old", "should"),
    ("from the future", "should"),
    ("signed by another key", "should"),
    ("signed by a server", "should"),
    ("for another certificate", "should"),
)
# The anchor is a name and a key (RFC 5280 section 6.1): nothing else of it must be looked at.
_ANCHOR: Final[Table] = (
    ("nameConstraints do not allow", "should"),
    ("at most", "should"),
    ("keyUsage", "should"),
    ("a weak or odd key: rsa1024", "should"),
    ("a weak or odd key: rsa512", "should"),
)
_NAME: Final = ("no name of it covers", "not written as a host name", "nameConstraints do not")


def level(server: Server, faults: Sequence[Fault], host: str) -> Level:
    """The level of what is wrong with a server for a client that uses this name.

    As strict as the strictest rule that is broken. Where nothing is wrong: ``should`` for a chain
    in disorder (RFC 8446 section 4.4.2) and for several roots to choose from, else ``must``.
    """
    if not faults:
        usual = Server.model_validate(dict(server) | {"chain": None}).sent
        ordered = server.chain is None or server.chain in {usual, (*usual, ROOT)}
        return "must" if ordered and len(server.trust) == 1 else "should"
    return max((_of(server, fault, host) for fault in faults), key=_ORDER.index)


def _of(server: Server, fault: Fault, host: str) -> Level:
    anchor = fault.part in server.trust
    table = _ANCHOR if anchor else _LEVELS
    found: Level = next((level for begin, level in table if fault.words.startswith(begin)), "may")
    leaf = server.certificates[LEAF]
    if fault.words.startswith(_NAME):
        named = _dns_names(leaf, host)
        return _of_names(leaf, named, host) if fault.part == LEAF or not named else found
    said = server.certificates.get(fault.part)
    if said is None or found == "may":
        return found
    # RFC 5280 section 4.2.1.12 says nothing of the purposes of CAs.
    if fault.part != LEAF and fault.words.startswith("extendedKeyUsage"):
        return "should"
    empty = said.key_usage == () or said.extended_key_usage == ()
    return "should" if empty and "eyUsage" in fault.words else found


def _of_names(leaf: Certificate, names: Sequence[str], host: str) -> Level:
    if not is_hostname(host):
        return "may"
    if not names:
        texts = (leaf.common_name, (leaf.subject or {}).get("CN"))
        # RFC 7817 section 3 lets a mail client take the common name where there is no DNS name.
        common = [text.replace(NAME, host) for text in texts if text]
        named = any(covers(f"dns:{text}", host) for text in common)
        return "should" if named or _is_unnamed(leaf) else "must"
    if any(name != host and name.rstrip(".") == host for name in names):
        return "should"
    # RFC 7817 section 3: the domain of the mail address counts after a lookup of SRV records.
    loose = {host.partition(".")[2], f"*.{host.rpartition('.')[2]}"}
    return "may" if loose & set(names) else "must"


def _dns_names(leaf: Certificate, host: str) -> list[str]:
    if _is_unnamed(leaf):
        return []
    found = (kind_of(name.replace(NAME, host)) for name in leaf.names or ())
    return [text for kind, text in found if kind == "dns"]


def _is_unnamed(leaf: Certificate) -> bool:
    lost = leaf.version < 3 or leaf.damage == "empty-extensions"
    return lost or "san" in leaf.omit or "san" in leaf.raw
