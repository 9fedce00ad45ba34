"""One message's octets, described: never changed, never decoded before somebody asks. No I/O.

::

    charset     character sets by name
    header      where a header ends, its fields, their text for people
    content     the Content- fields of one part, read
    part        the MIME tree, as spans of the octets
    section     the octets that IMAP's BODY[...] names
    nstring     IMAP's NIL, quoted string or literal
    envelope    IMAP's ENVELOPE
    structure   IMAP's BODY and BODYSTRUCTURE
    transfer    base64 and quoted-printable, undone
    bare        a message of which only who, when and about what is left
    text        what a person would find by searching

Hostile octets are answered like any others, in time that grows with their number: nothing here
raises because of what a message holds. Where the standards leave room, Dovecot's answer is ours.
"""
