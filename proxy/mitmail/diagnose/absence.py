"""Whether the server's own certificate is in a text at all."""

from typing import Final

from mitmail.diagnose.case import Case, Findings
from mitmail.diagnose.certificate import Certificate, chain_of
from mitmail.diagnose.presented import Presented
from mitmail.scenario.hostname import is_hostname, kind_of

NO_SERVER: Final = "Only an authority's certificate is here, and no server's."
SHOW: Final = "Paste all that the server sends: openssl s_client -connect HOST:PORT -showcerts"


def holds_no_server(presented: Presented) -> bool:
    """Whether a text holds certificates of authorities alone.

    Whatever a server was seen to send is its own, and so is an authority's certificate that is
    for a host: many a self-signed one is (``openssl req -x509`` writes CA:TRUE).
    """
    if presented.tls is not None or presented.port is not None:
        return False
    if len(presented.chain) == 1 and not presented.only_leaf:
        return False  # the text says that a server sent this one
    chain = chain_of(presented.chain)
    return bool(chain) and all(one.is_ca and not _is_for_host(one, presented) for one in chain)


def absence(case: Case) -> Findings:
    """The finding that nothing can be said of the server."""
    what = f'"{case.leaf.title}" is an authority, and for no host'
    words = f"{NO_SERVER} {what}: nothing can be said of the server."
    yield case.finding("no-server-certificate", "unknown", words, fix=SHOW)


def _is_for_host(one: Certificate, presented: Presented) -> bool:
    if any(kind_of(name)[0] in {"dns", "ip"} for name in one.names):
        return True
    # One word may be a machine's name, and is an authority's as well (Let's Encrypt's E6).
    return any(
        name == presented.name or (is_hostname(name) and "." in name) for name in one.common_names
    )
