"""mitmail: badssl.com for mail, with an antivirus in the middle.

Imports point one way; each layer may use those above it::

    shipped, errors, endpoint, manner, conduct, fixup, hello, interception, screening
    pki          keys, DER, certificates, the CA store
    message      one message: header, MIME tree, sections, IMAP's descriptions; no I/O
    wire         ClientHello parser, SMTP/IMAP/POP3 dialogue trackers; no I/O
    scenario     what a scenario file and a vendor profile may say
    plan         scenario x profile x names x now, resolved
    engine       TLS legs and the session state machine; no I/O
    addon        the mitmproxy addon, the only user of mitmproxy
    mailstore    the embedded mail server, clear text only
    service      plans being served: listeners, records, notices
    judge        real mail clients, driven
    diagnose     an error text, a pasted chain, a server's name: what it is, and who is to blame
    trust        roots in trust stores, and the way back
    cli          the command line
"""

__version__ = "0.1.0.dev0"
