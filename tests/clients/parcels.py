"""Mails of every kind, delivered to a Dovecot and fetched through a shield that screens."""

import imaplib
import poplib
import smtplib
import ssl
from typing import Any

from clients import dovecot
from clients.house import House, Site
from mitmail.judge.client import Target
from mitmail.plan import make
from mitmail.scenario import loader
from mitmail.service.upstream import Server, Upstream

SECONDS = 20.0
MARKING: dict[str, Any] = {
    "protocols": ["imap", "pop3", "smtp"],
    "headers": ["X-Antivirus: {brand} ({version}), {direction} message",
                "X-Antivirus-Status: {status}"],
    "inbound": {"footer": "---\nChecked by {brand}", "infected": "replace-part",
                "subject": "***VIRUS***"},
    "outbound": {"footer": "---\nChecked by {brand}", "infected": "refuse"},
}  # fmt: skip
NO_EDITS: dict[str, Any] = {
    "protocols": ["imap", "pop3", "smtp"],
    "inbound": {"mark": False}, "outbound": {"mark": False, "infected": "mark"},
}  # fmt: skip


def before(
    house: House,
    server: dovecot.Dovecot,
    screening: dict[str, Any],
    *,
    antivirus: str = "generic",
    only: tuple[str, ...] = ("imaps", "pop3s", "smtps"),
) -> Site:
    """A shield that screens so before a Dovecot."""
    vendor = loader.find_vendor(antivirus).also({"screening": screening})
    plan = make(loader.find("healthy"), vendor, house.store)
    servers = {name: Server(dovecot.HOST, server.ports[name]) for name in only}
    return house.open(plan, upstream=Upstream(servers=servers, roots=(server.root,)))


def switched(
    house: House, server: dovecot.Dovecot, *switches: str, antivirus: str = "generic"
) -> Site:
    """A shield with these behaviours before a Dovecot."""
    vendor = loader.find_vendor(antivirus)
    plan = make(loader.find("healthy"), vendor, house.store, switches=frozenset(switches))
    names = ("imaps", "pop3s", "smtps")
    servers = {name: Server(dovecot.HOST, server.ports[name]) for name in names}
    return house.open(plan, upstream=Upstream(servers=servers, roots=(server.root,)))


def target(house: House, site: Site, endpoint: str, *also: bytes) -> Target:
    root = site.plan.antivirus_root
    assert root is not None
    account = {"user": dovecot.USER, "password": dovecot.PASSWORD, "name": dovecot.NAME}
    return site.target(endpoint, house.roots(root.certificate, *also), **account)


def _context(where: Target) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(where.roots)
    return context


def imap(where: Target) -> imaplib.IMAP4_SSL:
    """Python's imaplib, logged in; INBOX is selected."""
    client = imaplib.IMAP4_SSL(
        where.host, where.port, ssl_context=_context(where), timeout=SECONDS
    )
    client.login(where.user, where.password)
    client.select("INBOX")
    return client


def straight(server: dovecot.Dovecot) -> imaplib.IMAP4_SSL:
    """Python's imaplib at Dovecot itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(server.root))
    client = imaplib.IMAP4_SSL(
        dovecot.HOST, server.ports["imaps"], ssl_context=context, timeout=SECONDS
    )
    client.login(dovecot.USER, dovecot.PASSWORD)
    return client


def pop3(where: Target) -> poplib.POP3_SSL:
    """Python's poplib, logged in."""
    client = poplib.POP3_SSL(where.host, where.port, context=_context(where), timeout=SECONDS)
    client.user(where.user)
    client.pass_(where.password)
    return client


def smtp(where: Target) -> smtplib.SMTP_SSL:
    """Python's smtplib, logged in."""
    client = smtplib.SMTP_SSL(where.host, where.port, context=_context(where), timeout=SECONDS)
    client.login(where.user, where.password)
    return client
