"""The name that a client was told to use, or the likeliest one."""

import re
from ipaddress import ip_address

from mitmail.diagnose.specimen import Specimen
from mitmail.errors import MitmailError
from mitmail.pki import der
from mitmail.pki import name as names
from mitmail.pki.extension import OID
from mitmail.scenario.hostname import CUSTOMER, is_host


def reference_name(typed: str | None, leaf: Specimen | None) -> str:
    """What was typed; else the first name of the leaf that somebody may have typed.

    ``mail`` below a wildcard; mail.customer.test where there is none. Raises MitmailError for
    what nobody can have typed as a host.
    """
    if typed is not None and not is_host(typed):
        raise MitmailError(f"{typed!r} is no host name: --name mail.example.com, or an address")
    if typed is not None:
        return typed
    if leaf is None or leaf.parsed is None:
        return CUSTOMER
    texts = (*_alternative(leaf), *_common(leaf))
    return next((x for x in texts if is_host(x) and _is_whole(x)), CUSTOMER)


def _is_whole(text: str) -> bool:
    return "." in text or ":" in text


def _alternative(leaf: Specimen) -> list[str]:
    found = leaf.fields.extension(OID["san"])
    try:
        elements = der.children(der.read(found.value).content) if found else []
    except der.DerError:
        return []
    texts = []
    for each in elements:
        if each.tag == 0x82:
            texts.append(_below(each.content.decode("ascii", errors="replace")))
        elif each.tag == 0x87 and len(each.content) in {4, 16}:
            texts.append(str(ip_address(each.content)))
    return texts


def _common(leaf: Specimen) -> list[str]:
    found = re.search(r"CN=([^,+\s]+)", names.text(leaf.fields.subject))
    return [_below(found[1])] if found else []


def _below(text: str) -> str:
    return f"mail{text[1:]}" if text.startswith("*.") else text
