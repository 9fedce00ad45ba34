"""The subject of a certificate, as a scenario file says it, without saying whose it is."""

import re
from ipaddress import ip_address
from typing import Any, Final

from mitmail.diagnose.alias import Alias
from mitmail.pki import der
from mitmail.pki.certificate import Parsed
from mitmail.scenario.hostname import NAME, ascii_name, is_harmless, is_hostname
from mitmail.scenario.part import UB_NAME

_TYPES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
}
_CODECS: Final = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
# In place of what says whose it is.
_NOBODYS: Final = {"CN": "mail server", "O": "Customer", "OU": "Mail", "L": "Town", "ST": "State"}
_UNPRINTABLE: Final = re.compile(r"[^A-Za-z0-9 '()+,./:=?-]")  # X.680 section 41.4
_ODD: Final = {"printable": "someone@customer.test", "latin1-as-utf8": "Müller"}
_LONGER: Final = "the-mail-server-with-a-very-long-name-that-goes-on-and-on-and-on-and-on."

type _Attribute = tuple[str, der.Tlv]


def said(parsed: Parsed, alias: Alias, names: dict[str, Any], *, leaf: bool) -> dict[str, Any]:
    """``subject``, ``common_name`` and ``subject_string`` where they are not the usual ones.

    ``names`` holds what is said of subjectAltName. Of a CA only an empty subject is said: every
    copy has CAs of its own, and what a product calls its CA is kept with exact names alone.
    """
    if parsed.subject == der.sequence():
        return {"subject": {}}
    found = _attributes(parsed.subject)
    if alias.exact:
        return _exactly(found, names, leaf=leaf)
    if not leaf:
        return {}
    string = _odd_string(found)
    texts = {word: _text(word, element, alias) for word, element in reversed(found)}
    texts = {word: texts[word] for word, _ in found if word in texts}  # in their order
    result: dict[str, Any] = {}
    if string is not None:
        result["subject_string"] = string
        odd = next(word for word, x in found if _is_odd(word, x, string))
        texts[odd] = _ODD[string]
    if not texts:
        return result
    if "CN" in texts:
        texts["CN"] = alias.template(texts["CN"])
    usual = _usual(alias, names)
    if string is None and usual is None and list(texts) == ["O"]:
        return {}  # what a good one has that no common name fits
    if list(texts) != ["CN"]:
        return result | {"subject": texts}
    common = texts["CN"]
    # Of many names the first is a filler in the copy, and so is the common name by default.
    first = "filler_names" in names and texts["CN"] != _NOBODYS["CN"]
    if string is None and (first or common == usual):
        return {}
    if not is_harmless(common.replace(NAME, alias.client)):
        return result | {"subject": texts}  # what is no host name is none of lint's names either
    return result | {"common_name": common}


def _exactly(found: list[_Attribute], names: dict[str, Any], *, leaf: bool) -> dict[str, Any]:
    texts = {word: _decoded(element) for word, element in found}
    texts = {word: text for word, text in texts.items() if text and not set(text) & set("{}")}
    if not texts or (leaf and list(texts) == ["CN"] and texts["CN"] in names.get("names", ())):
        return {}
    return {"subject": texts}


def _attributes(subject: bytes) -> list[_Attribute]:
    pairs = (
        der.children(pair.content)
        for rdn in der.children(der.read(subject).content)
        for pair in der.children(rdn.content)
    )
    known = ((_TYPES.get(der.to_oid(oid)), value) for oid, value in pairs)
    return [(word, value) for word, value in known if word is not None]


def _decoded(element: der.Tlv) -> str:
    text = element.content.decode(_CODECS.get(element.tag, "latin-1"), errors="replace")
    return "".join(x for x in text if x.isprintable() or x == "\0")


def _text(word: str, element: der.Tlv, alias: Alias) -> str:
    text = _decoded(element)
    if word == "C":
        return text if re.fullmatch(r"[A-Za-z]{1,3}", text) else "ZZZ"
    if word != "CN" or set(text) & set("{}"):
        return _NOBODYS[word]
    return _common_name(text, alias)


def _common_name(text: str, alias: Alias) -> str:
    try:
        return alias.address(ip_address(text).packed)
    except ValueError:
        pass
    bare = re.split("\0", text)[0].strip(" .").replace("*", "x").replace("_", "-")
    if not is_hostname(ascii_name(bare)):
        return _NOBODYS["CN"]
    name = alias.host(text)
    long = len(text) > UB_NAME >= len(name)
    return _LONGER + name if long else name


def _usual(alias: Alias, names: dict[str, Any]) -> str | None:
    """The common name that a leaf with these names has by default."""
    for name in names.get("names", (NAME,)):
        kind, text = alias.filled(name)
        if kind == "dns" and is_hostname(text.removeprefix("*.")) and len(text) <= UB_NAME:
            return alias.template(text)
    return None


def _odd_string(found: list[_Attribute]) -> str | None:
    for string in _ODD:
        if any(_is_odd(word, element, string) for word, element in found):
            return string
    return None


def _is_odd(word: str, element: der.Tlv, string: str) -> bool:
    if word == "C":
        return False
    if string == "printable":
        return element.tag == der.PRINTABLE_STRING and (
            _UNPRINTABLE.search(element.content.decode("latin-1")) is not None
        )
    try:
        element.content.decode()
    except UnicodeDecodeError:
        return element.tag == der.UTF8_STRING
    return False
