"""A session as a mitmproxy flow: TLS details filled in, credentials masked, size capped."""

import time

from mitmproxy import certs
from mitmproxy.connection import Connection
from mitmproxy.proxy.context import Context
from mitmproxy.tcp import TCPFlow, TCPMessage

from mitmail.engine.certificate import UNREADABLE, load
from mitmail.engine.session import Session

LIMIT = 65_536  # octets kept of one session; what was relayed is not bounded by it


class Transcript:
    """Fills a flow while the session goes on."""

    def __init__(self, context: Context, label: str) -> None:
        self.flow = TCPFlow(context.client, context.server, True)
        self.flow.comment = label
        self._context = context
        self._room = LIMIT

    def add(self, *, from_client: bool, shown: bytes) -> bool:
        """Keep what was said while there is room; whether anything was kept."""
        if self._room <= 0:
            return False
        kept = shown[: self._room]
        self._room -= len(kept)
        if self._room == 0:
            kept += b"\n[mitmail keeps no more of this session]\n"
        self.flow.messages.append(TCPMessage(from_client, kept))
        return True

    def describe(self, session: Session) -> None:
        """Copy what is known of TLS into the connections that the flow shows."""
        client, server = self._context.client, self._context.server
        if session.hello is not None:
            client.tls = True
            client.sni = session.hello.sni
            client.alpn_offers = tuple(p.encode("latin-1") for p in session.hello.alpn)
        if session.presented.version is not None and client.timestamp_tls_setup is None:
            client.timestamp_tls_setup = time.time()
            client.cipher = session.presented.cipher
            if session.presented.version in {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}:
                client.tls_version = session.presented.version  # type: ignore[assignment] # checked
        if session.presented.identity is not None and client.mitmcert is None:
            leaf = next(iter(session.presented.identity.chain), b"")  # there may be none at all
            client.mitmcert = _certificate(leaf)
        if session.upstream is not None and not server.certificate_list:
            server.tls = True
            server.timestamp_tls_setup = time.time()
            _list(server, session.upstream.chain)


def _list(connection: Connection, chain: tuple[bytes, ...]) -> None:
    read = (_certificate(der) for der in chain)
    connection.certificate_list = [certificate for certificate in read if certificate]


def _certificate(der: bytes) -> certs.Cert | None:
    try:
        return certs.Cert(load(der))
    except UNREADABLE:  # a broken certificate is shown to the client, not to mitmweb
        return None
