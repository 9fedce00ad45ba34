"""The embedded mail server: SMTP, IMAP and POP3 over one store, clear text, loopback only.

::

    store       one user's mailboxes in memory
    seed        five messages to start with
    server      the listeners: Mailstore
    smtp        delivery, through aiosmtpd
    pop3        RFC 1939
    imap        RFC 3501; the commands are tables in imap_login, imap_mailboxes, imap_messages
"""
