"""A simulated antivirus, or one behaviour of such, explained in words."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from mitmail.scenario import fitting, loader
from mitmail.scenario.authority import RootShape, Subject
from mitmail.scenario.behaviour import Behaviour
from mitmail.scenario.evidence import Evidence
from mitmail.scenario.leafstyle import LeafStyle
from mitmail.scenario.offset import written
from mitmail.scenario.part import Model
from mitmail.scenario.popup import filled
from mitmail.scenario.product import ENDPOINTS, Treatment
from mitmail.scenario.vendor import ChainPart, Vendor

type Line = tuple[str, str, str]  # label, words, the path of what is known

MARKS: Final = """\
At the end of a line: decoded (read off a real certificate), sourced (reported or documented),
inferred (follows from those), unverified (a guess)."""

TREATMENTS: Final[Mapping[Treatment, str]] = {
    "trusted": "signs a copy with the trusted root",
    "untrusted": "signs a copy with the untrusted root",
    "self-signed": "signs a copy with the root for self-signed ones",
    "mask": "signs a copy without the fault, with the trusted root",
    "device": "shows a certificate of its own",
    "pass-through": "lets the server's own TLS pass",
    "close": "closes the connection",
    "reset": "resets the connection",
    "stall": "leaves the client waiting",
    "ask": "asks on the screen",
}
CHAIN: Final[Mapping[ChainPart, str]] = {
    "leaf": "the copy",
    "issuer": "the authority that signed it",
    "root": "the trusted root, whoever signed",
    "signer": "the root that signed",
    "unrelated": "a root that signed nothing of it",
}
SERIALS: Final = {
    "guid": "a GUID, 16 octets",
    "random16": "16 random octets",
    "random12": "12 random octets",
    "upstream": "the server's",
    "reused": "the same for every copy",
}
LIVES: Final = {
    "connection": "a new one for each connection",
    "process": "kept until the product is started again",
    "kept": "kept over restarts",
}
ON_THE_SCREEN: Final = {"server": "(the mail server)", "issuer": "(the certificate's issuer)"}
IDENTIFIERS: Final = {
    "upstream": "of the server's key",
    "new": "of its own key",
    "none": "none",
    "issuer": "names the signer",
}


def vendor(one: Vendor) -> str:
    """One product, with how each thing is known."""
    parts = [
        ("Roots", _roots(one)),
        ("The copy of the server's certificate", _leaf(one.leaf)),
        ("What it does with the mail server that it finds", _policy(one)),
        ("On the screen", _popups(one)),
        ("Connections, dialogue, messages", _others(one)),
    ]
    lines = [f"{one.id}: {one.title}", ""]
    for title, found in parts:
        if listed := list(found):
            width = max(len(label) for label, _, _ in listed)
            lines += [f"{title}:"]
            lines += [
                f"  {label:{width}}  {words}{_mark(one, path)}" for label, words, path in listed
            ]
            lines.append("")
    lines += [MARKS, ""]
    for known in one.exceptions.values():
        lines += [f"Known of {known.client} since {known.since}: {known.why}", ""]
    if one.behaviours:
        switches = [loader.find_behaviour(name) for name in one.behaviours]
        lines += ["Reported at times, and off unless asked for with --switch:"]
        lines += [f"  {each.id}: {each.title} ({each.evidence.mark})" for each in switches]
        lines += ["Any other behaviour can be switched on, too: mitmail list --switches", ""]
    return "\n".join([*lines, f"Try it: mitmail serve --antivirus {one.id}"])


def _mark(one: Vendor, path: str) -> str:
    known = one.known(path)
    return f"  [{known.mark}]" if known else ""


def _roots(one: Vendor) -> Iterator[Line]:
    for signer in one.roots:
        yield signer, _name(one, one.roots[signer].subject), f"roots.{signer}"
    if not one.roots:
        yield "none", "it signs nothing", "roots"
        return
    yield "all", ", ".join(_shape(one.root_shape)), "root_shape"
    if one.root_given == "previous":
        yield "known", "clients know the root of an earlier installation", "root_given"
    if one.intermediate is not None:
        words = f"{_name(one, one.intermediate.subject)} signs in place of the trusted root"
        yield "below", words, "intermediate"
    if one.device is not None:
        yield "device", _name(one, one.device.subject), "device"
    yield "sent", "; ".join(CHAIN[part] for part in one.chain), "chain"


def _name(one: Vendor, subject: Subject) -> str:
    return ", ".join(f"{kind}={text}" for kind, text in one.named(subject))


def _shape(shape: RootShape) -> Iterator[str]:
    yield f"{_key(shape.key)} and {shape.hash.upper().replace('SHA', 'SHA-')}"
    yield f"valid {_time(shape.not_before)} to {_time(shape.not_after)}"
    yield f"basicConstraints{_critical(shape.basic_constraints.critical)}"
    usage = shape.key_usage
    yield (
        f"keyUsage {' '.join(usage.usages)}{_critical(usage.critical)}" if usage else "no keyUsage"
    )
    if shape.extended_key_usage:
        yield f"extendedKeyUsage {' '.join(shape.extended_key_usage)}"
    if not shape.subject_key_identifier:
        yield "no subjectKeyIdentifier"


def _key(kind: str) -> str:
    return kind.replace("rsa", "RSA ").replace("ec256", "ECDSA P-256")


def _critical(critical: bool) -> str:
    return " critical" if critical else " not critical"


def _time(when: datetime | timedelta) -> str:
    return f"{when:%Y-%m-%d}" if isinstance(when, datetime) else f"now{written(when)}"


def _leaf(leaf: LeafStyle) -> Iterator[Line]:
    if leaf.extensions == "none":
        yield "extensions", "none at all, so no subjectAltName", "leaf.extensions"
    yield "key", _key(leaf.key), "leaf.key"
    shared = "one for all copies" if leaf.key_shared else "one for each server's leaf"
    yield "keys", shared, "leaf.key_shared"
    yield "hash", leaf.hash.upper().replace("SHA", "SHA-"), "leaf.hash"
    yield "serial", SERIALS[leaf.serial], "leaf.serial"
    requested = {leaf.subject: "subject", leaf.names: "names"}
    if "requested" in requested:
        yield "name", "the host that the client asked for", "leaf.names"
    if leaf.validity is not None:
        times = f"{_time(leaf.validity.not_before)} to {_time(leaf.validity.not_after)}"
        yield "validity", f"its own, {times}", "leaf.validity"
    if leaf.extensions == "copied":
        yield "SKI", IDENTIFIERS[leaf.subject_key_identifier], "leaf.subject_key_identifier"
        yield "AKI", IDENTIFIERS[leaf.authority_key_identifier], "leaf.authority_key_identifier"
        if leaf.critical == "none":
            yield "critical", "no extension is", "leaf.critical"
        yield "not copied", " ".join(leaf.drop) or "all is", "leaf.drop"
    yield "life", LIVES[leaf.life], "leaf.life"
    if leaf.wrong is not None:
        words = f"every connection number {leaf.wrong.every} gets that of {leaf.wrong.host}"
        yield "wrong", words, "leaf.wrong"


def _policy(one: Vendor) -> Iterator[Line]:
    for result, treatment in one.policy.items():
        words = TREATMENTS[treatment]
        if treatment == "ask":
            words += f", and after {one.ask.seconds:g} s {TREATMENTS[one.ask.then]}"
        yield result, words, f"policy.{result}"
    if one.trust_list != "system":
        words = {"stale": "its own list lacks the server's root",
                 "extra": "its own list has private authorities"}[one.trust_list]  # fmt: skip
        yield "trusts", words, "trust_list"
    yield "first of", ", ".join(one.order), "order"


def _popups(one: Vendor) -> Iterator[Line]:
    for result, words in one.popups.items():
        yield result, filled(words, brand=one.brand, **ON_THE_SCREEN), f"popups.{result}"


def _others(one: Vendor) -> Iterator[Line]:
    parts: dict[str, Model] = {
        "transport": one.transport, "legs.client": one.legs.client,
        "legs.server": one.legs.server, "conversation": one.conversation,
        "screening": one.screening,
    }  # fmt: skip
    for section, part in parts.items():
        for key, value in part.model_dump(mode="json", exclude_unset=True).items():
            words = _value(value).replace("{brand}", one.brand)
            yield f"{section}.{key}", words, f"{section}.{key}"


def _value(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{key}: {_value(each)}" for key, each in value.items())
        case list():
            return ", ".join(map(_value, value))
        case bool():
            return "yes" if value else "no"
        case _:
            return " ".join(str(value).split())  # what is said on the wire ends its line


def behaviour(one: Behaviour) -> str:
    """One behaviour: who, how that is known, what breaks, and what shows it."""
    lines = [
        f"{one.id} ({one.code}): {one.title}",
        "",
        f"Who:      {one.who}",
        f"Known:    {_evidence(one.evidence)}",
        f"It breaks: {one.breaks}",
    ]
    if one.endpoints != ENDPOINTS:
        lines.append(f"Where:    on {', '.join(one.endpoints)} only")
    if one.set:
        lines += ["", "What a profile says otherwise while it is on:"]
        lines += [f"  {path}: {_value(value)}" for path, value in _said(one.set)]
    for test in one.proof:
        lines.append(f"Shown by: {test}")
    if one.missing is not None:
        lines.append(f"Missing:  {one.missing}")
    elif one.is_switch:
        lines += ["", f"Try it: mitmail serve --antivirus {_product(one)} --switch {one.id}"]
    else:
        lines += ["", "It happens behind every simulated antivirus; there is no switch for it."]
    return "\n".join(lines)


def _product(one: Behaviour) -> str:
    """The plainest product that it fits."""
    if fits(one, "generic"):
        return "generic"
    return next(name for name in loader.vendor_files() if fits(one, name))


def fits(one: Behaviour, product: str) -> bool:
    """Whether a shipped product can be given this behaviour."""
    return fitting.misfit(one, [loader.find_vendor(product)]) is None


def _evidence(known: Evidence) -> str:
    return f"{known.mark}, {known.source}" if known.source else known.mark


def _said(part: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in part.items():
        if isinstance(value, Mapping) and above.count(".") < 1 and key != "exceptions":
            yield from _said(value, f"{above}{key}.")
        elif key != "exceptions":
            yield f"{above}{key}", value
