"""The extensions of a certificate, as a scenario file says them where a good one differs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from mitmail.diagnose.alias import Alias
from mitmail.pki import der, extension
from mitmail.pki.certificate import Parsed
from mitmail.pki.extension import OID, Extension
from mitmail.scenario.certificate import Certificate

_WORDS: Final = ("ku", "eku", "bc", "ski", "aki", "nc", "tlsfeature", "san")
_WORD_OF: Final = {OID[word]: word for word in _WORDS}
# They lead a client to the servers of others, or say what nobody verifies without them.
_LEFT_OUT: Final = {
    OID[x] for x in ("aia", "sia", "crldp", "freshestcrl", "sct", "policies", "ian")
}
# Everybody knows these, and no field of ours says them.
_UNSAID: Final = {
    OID[x]: x for x in ("policymappings", "policyconstraints", "anypolicy", "crldp", "policies")
}
_WITH_NAMES: Final = {"san", "nc"}
_LARGE: Final = 4096
_PADDING: Final = "1.3.6.1.4.1.32473.1"
_STATUS_REQUEST: Final = 5
_CRITICAL: Final = {"bc", "ku"}
_FEW: Final = 20  # names; of more, those that do not matter become fillers
_USAGE_OF_BIT: Final = {bit: word for word, bit in extension.KEY_USAGES.items()}
_PURPOSE_OF_OID: Final = {oid: word for word, oid in extension.EXTENDED_KEY_USAGES.items()}
_SOME_PURPOSE: Final = "codeSigning"


class Extensions:
    """``said`` is what a file has to say of them, ``lost`` what none can say, in words.

    Their order is not said, nor what an authorityKeyIdentifier says of a certificate itself.
    """

    def __init__(
        self, good: Certificate, alias: Alias, parsed: Parsed, *, leaf: bool, selfsigned: bool
    ) -> None:
        """``good`` is a good certificate in this one's place."""
        self._good = good
        self._alias = alias
        self._leaf = leaf
        self._nameless = parsed.subject == der.sequence()
        self._raw: dict[str, str] = {}
        self._added: list[dict[str, Any]] = []
        self.said: dict[str, Any] = {}
        self.lost: list[str] = []
        present = self._read(parsed.extensions)
        self._absences(present, aki=not selfsigned, version=parsed.version)
        for key, value in (("raw", self._raw), ("add", self._added)):
            if value:
                self.said[key] = value

    def _read(self, extensions: tuple[Extension, ...]) -> set[str]:
        first: dict[str, Extension] = {}
        for each in extensions:
            word = _WORD_OF.get(each.oid)
            if word is None:
                self._unknown(each)
            elif word in first:
                self._again(word, each)
            else:
                first[word] = each
        for word in _WORDS:
            if word in first:
                self._known(word, first[word])
        return set(first)

    def _absences(self, present: set[str], *, aki: bool, version: int) -> None:
        good = self._good
        usual = {
            "ku": good.key_usage is not None,
            "eku": good.extended_key_usage is not None,
            "bc": True,
            "ski": True,
            "aki": aki,
            # In version 1 there is no place for names, so their absence is no second fault.
            "san": self._leaf and version < 3,
        }
        omitted = [word for word, there in usual.items() if there and word not in present]
        if omitted:
            self.said["omit"] = omitted
        if self._leaf and "san" not in {*present, *omitted}:
            self.said["names"] = []

    def _known(self, word: str, each: Extension) -> None:
        try:
            readable = _READERS[word](self, each)
        except (der.DerError, ValueError, KeyError, IndexError):
            readable = False
        if not readable:
            self._raw[word] = self._octets(word, each.value).hex()
        if word == "nc" and word not in self._raw:
            return  # it says its criticality itself
        if each.critical != (word in _CRITICAL or (word == "san" and self._nameless)):
            key = "critical" if each.critical else "not_critical"
            self.said.setdefault(key, []).append(word)

    def _octets(self, word: str, value: bytes) -> bytes:
        return self._alias.octets(value) if word in _WITH_NAMES else value

    # -- one reader for each, True when fields say it all
    def _key_usage(self, each: Extension) -> bool:
        bits = der.expect(der.read(each.value), der.BIT_STRING).content
        value = int.from_bytes(bits[1:])
        count = (len(bits) - 1) * 8
        words = [
            word for bit, word in _USAGE_OF_BIT.items()
            if bit < count and value >> (count - 1 - bit) & 1
        ]  # fmt: skip
        if set(words) != set(self._good.key_usage or ()) or self._good.key_usage is None:
            self.said["key_usage"] = words
        return extension.key_usage(*words).value == each.value

    def _purposes(self, each: Extension) -> bool:
        oids = [der.to_oid(x) for x in der.children(_sequence(each.value))]
        words = list(dict.fromkeys(_PURPOSE_OF_OID[x] for x in oids if x in _PURPOSE_OF_OID))
        if oids and not words:
            words = [_SOME_PURPOSE]  # for what is worked out from it; raw says which one it is
        if tuple(words) != self._good.extended_key_usage:
            self.said["extended_key_usage"] = words
        return extension.extended_key_usage(*words).value == each.value

    def _basic_constraints(self, each: Extension) -> bool:
        fields = der.children(_sequence(each.value))
        ca = bool(fields) and fields[0].tag == der.BOOLEAN and fields[0].content != b"\0"
        lengths = [int.from_bytes(x.content, signed=True) for x in fields if x.tag == der.INTEGER]
        length = lengths[0] if lengths else None
        if ca is self._leaf:
            self.said["ca"] = ca
        if length is not None and length != self._good.path_length:
            self.said["path_length"] = length
        if length is None and self._good.path_length is not None and ca:
            return False  # no field takes a usual one away
        explicit = each.value == der.sequence(der.boolean(False))  # a damage, said elsewhere
        return explicit or extension.basic_constraints(ca, length).value == each.value

    def _key_identifier(self, each: Extension) -> bool:
        return der.expect(der.read(each.value), der.OCTET_STRING).end == len(each.value)

    def _authority(self, each: Extension) -> bool:
        fields = der.children(_sequence(each.value))
        if any(x.tag != 0x80 for x in fields):
            self.lost.append(
                "authorityKeyIdentifier names its issuer's issuer and serial number, which a copy "
                "would have otherwise (it names the key alone)"
            )
        return True

    def _constraints(self, each: Extension) -> bool:
        limits: dict[str, list[str]] = {"permitted": [], "excluded": []}
        for subtrees in der.children(_sequence(each.value)):
            key = {0xA0: "permitted", 0xA1: "excluded"}[subtrees.tag]
            for subtree in der.children(subtrees.content):
                text = self._limit(der.children(subtree.content)[0])
                if text is None:
                    self.lost.append("nameConstraints of a kind other than DNS and address")
                else:
                    limits[key].append(text)
        said: dict[str, Any] = {key: texts for key, texts in limits.items() if texts}
        if not each.critical:
            said["critical"] = False
        self.said["name_constraints"] = said
        return True

    def _limit(self, base: der.Tlv) -> str | None:
        if base.tag == 0x82:
            return self._alias.host(base.content.decode("ascii"))
        if base.tag == 0x87 and len(base.content) in {8, 32}:
            return self._alias.network(base.content)
        return None

    def _features(self, each: Extension) -> bool:
        self.said["must_staple"] = True
        return each.value == extension.tls_feature(_STATUS_REQUEST).value

    def _names(self, each: Extension) -> bool:
        elements = der.children(_sequence(each.value))
        names = [self._alias.general_name(x) for x in elements]
        if not elements or len(der.read(each.value).raw) != len(each.value):
            return False
        if None in names:
            self.lost.append("a name in subjectAltName of a kind that files have no word for")
        known = [name for name in names if name is not None]
        if len(known) > _FEW:
            kept = [x for x in known if self._alias.matters(x)] or known[-1:]
            self.said["filler_names"] = len(known) - len(kept)
            known = kept
        if tuple(known) != self._good.names:
            self.said["names"] = known
        return True

    # -- what has no field
    def _again(self, word: str, each: Extension) -> None:
        if word == "san":
            self._add(replace(each, value=self._aliased(each.value)))
        else:
            self._add(each)

    def _aliased(self, value: bytes) -> bytes:
        try:
            names = [self._alias.general_name(x) or "hex:" for x in der.children(_sequence(value))]
        except der.DerError:
            return value
        return extension.general_names(map(self._alias.filled, names)).value

    def _unknown(self, each: Extension) -> None:
        if each.critical and each.oid in _UNSAID:
            self.lost.append(f"the critical extension {_UNSAID[each.oid]}")
        elif each.critical or each.oid not in _LEFT_OUT | set(_UNSAID):
            self._add(each)

    def _add(self, each: Extension) -> None:
        plain = not each.critical and not any(each.value)
        if (
            each.oid == _PADDING
            or (len(each.value) > _LARGE and not each.critical)
            or (plain and len(each.value) > 64)
        ):
            self.said["padding"] = self.said.get("padding", 0) + len(each.value)
            return
        value = each.value if each.oid in _WORD_OF else self._alias.octets(each.value)
        added: dict[str, Any] = {"oid": each.oid, "value": value.hex()}
        self._added.append(added | ({"critical": True} if each.critical else {}))


_READERS: Final[dict[str, Callable[[Extensions, Extension], bool]]] = {
    "ku": Extensions._key_usage,
    "eku": Extensions._purposes,
    "bc": Extensions._basic_constraints,
    "ski": Extensions._key_identifier,
    "aki": Extensions._authority,
    "nc": Extensions._constraints,
    "tlsfeature": Extensions._features,
    "san": Extensions._names,
}


def _sequence(value: bytes) -> bytes:
    return der.expect(der.read(value), der.SEQUENCE).content
