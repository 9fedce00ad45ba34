"""The IMAP commands that the mailstore and Dovecot are both given, and where they may differ."""

FETCHES = tuple(
    f"UID FETCH 1:* {item}"
    for item in (
        *("BODY.PEEK[]", "BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]", "RFC822.HEADER", "RFC822.SIZE"),
        *("BODY.PEEK[]<0.20>", "BODY.PEEK[]<10.7>", "BODY.PEEK[TEXT]<3.100>"),
        *("BODY.PEEK[]<99999.5>", "BODY.PEEK[HEADER]<5.9>", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]"),
        *("BODY.PEEK[HEADER.FIELDS (from TO x-other)]", "BODY.PEEK[HEADER.FIELDS (ABSENT)]"),
        *("BODY.PEEK[HEADER.FIELDS.NOT (Subject Date)]", "BODY.PEEK[HEADER.FIELDS (TO)]<2.6>"),
        *("BODY", "BODYSTRUCTURE", "ENVELOPE", "FAST", "ALL", "FULL", "FLAGS", "INTERNALDATE"),
        *("(UID FLAGS RFC822.SIZE)", "(BODYSTRUCTURE ENVELOPE BODY.PEEK[1])"),
        *("BODY.PEEK[1]", "BODY.PEEK[1.MIME]", "BODY.PEEK[1]<2.9>", "BODY.PEEK[1.1]"),
        *("BODY.PEEK[1.1.MIME]", "BODY.PEEK[1.2]", "BODY.PEEK[1.HEADER]", "BODY.PEEK[1.TEXT]"),
        *("BODY.PEEK[2]", "BODY.PEEK[2.MIME]", "BODY.PEEK[2.HEADER]", "BODY.PEEK[2.TEXT]"),
        *("BODY.PEEK[2.HEADER.FIELDS (SUBJECT)]", "BODY.PEEK[2.HEADER.FIELDS.NOT (SUBJECT)]"),
        *("BODY.PEEK[2.1]", "BODY.PEEK[2.1.MIME]", "BODY.PEEK[2.1.HEADER]", "BODY.PEEK[2.1.TEXT]"),
        *("BODY.PEEK[2.1.1]", "BODY.PEEK[2.1.1.MIME]", "BODY.PEEK[2.2]", "BODY.PEEK[2.2]<1.3>"),
        *("BODY.PEEK[3]", "BODY.PEEK[3.MIME]", "BODY.PEEK[9]", "BODY.PEEK[1.2.3.4.5]"),
        *("BODY.PEEK[1.HEADER.FIELDS (SUBJECT)]", "BINARY.PEEK[1]", "BINARY.SIZE[1]"),
        *("BINARY.PEEK[1]<2.5>", "BINARY.PEEK[2]", "BINARY.PEEK[1.1]", "BINARY.PEEK[1.2]"),
        *("BINARY.PEEK[2.2]", "BINARY.SIZE[2.2]", "BINARY.PEEK[3]"),
    )
)
SEEING = (
    *("BODY[TEXT]", "RFC822", "RFC822.TEXT", "BODY[1]", "BODY[]<0.1>", "BINARY[1]", "BODY.PEEK[]"),
    *("BODY[HEADER.FIELDS (SUBJECT)]", "(BODY[1.MIME] UID)", "BINARY.SIZE[1]", "RFC822.HEADER"),
)
SEARCHES = tuple(
    f"{command} {keys}"
    for command in ("SEARCH", "UID SEARCH")
    for keys in (
        *("ALL", "SEEN", "UNSEEN", "DELETED", "UNDELETED", "FLAGGED UNSEEN", "OR DRAFT ANSWERED"),
        *(
            "NOT SEEN",
            "KEYWORD $forwarded",
            "UNKEYWORD $Forwarded",
            "2:4",
            "*",
            "3:*",
            "UID 2:5,9",
        ),
        *("UID 5:2 SEEN", "(SEEN FLAGGED)", "NOT (SEEN FLAGGED)", "SINCE 3-Jan-2020", "1,3 SEEN"),
        *("BEFORE 3-Jan-2020", "ON 3-Jan-2020", "LARGER 300", "SMALLER 300", "FROM jane"),
        *("TO x@y", 'SUBJECT "PLAIN"', "HEADER X-Other colon", 'HEADER X-Other ""'),
        *('HEADER Absent ""', 'SUBJECT "folded"', 'SUBJECT "folded twice"', "CC archive"),
        *("BCC e@b", "SUBJECT nowhere", "UID 9999", "UID 4000:*", "UNFLAGGED UNDRAFT"),
        *("UNANSWERED", "OR (SEEN DELETED) NOT UID 1:9", "TEXT nested", "BODY nested"),
        *("TEXT hello", "BODY hello", "BODY <b>HELLO</b>", "BODY PGI+", "BODY preamble"),
        *("BODY epilogue", "BODY pdf", "TEXT a.pdf", "BODY deepest", 'TEXT "third level"'),
        *('BODY "third level"', "BODY Reporting-MTA", "BODY failed", "TEXT multipart/signed"),
        *('BODY "der Ferne"', 'TEXT "subject: plain"', "BODY hidden", "TEXT base64"),
        *(
            'BODY "begin 644"',
            "TEXT octets",
            "BODY octets",
            "BODY lines",
            'HEADER Subject "level"',
        ),
        *("SENTON 31-Dec-2016", "SENTON 1-Jan-2017", "SENTSINCE 1-Jan-2017"),
        *("SENTSINCE 1-Jan-2030", "NOT SENTSINCE 1-Jan-2000", "SENTBEFORE 1-Jan-2017"),
        *('HEADER Message-ID "<2@b.test>"', "HEADER Content-Type multipart", "CHARSET UTF-8 SEEN"),
        *(
            "CHARSET US-ASCII SUBJECT plain",
            'SUBJECT ""',
            'TO ""',
            'BODY ""',
            "NEW",
            "OLD UNDELETED",
        ),
    )
)
# Sent as literals: the octets are UTF-8.
SEARCHES_8BIT = tuple(
    f"SEARCH CHARSET UTF-8 {key} {sought}"
    for key, sought in (
        *(("SUBJECT", "grüße"), ("SUBJECT", "GRÜßE"), ("SUBJECT", "GRÜSSE"), ("BODY", "Grüße")),
        *(("BODY", "WÖRDS"), ("TEXT", "gru\N{COMBINING DIAERESIS}ße"), ("FROM", "JÜRGEN")),
        *(("BODY", "münchen"), ("TEXT", "grüsse"), ("BODY", "€ 120")),
    )
)
REFUSED = (
    *("FETCH 999 FLAGS", "FETCH 0 FLAGS", "FETCH 1:999 FLAGS", "FETCH 1 (NONSENSE)", "FETCH 1"),
    *("STORE 1 +FLAGS (\\Recent)", "COPY 1 nowhere", "SELECT nowhere", "STATUS nowhere (UIDNEXT)"),
    *("NONSENSE", "SEARCH NONSENSE", "SEARCH CHARSET x-none ALL", "FETCH 1 BODY[MIME]"),
    *("DELETE INBOX", "RENAME nowhere elsewhere", "CREATE INBOX", "UID NONSENSE 1"),
    *(
        "FETCH 1 BODY[1.]",
        "FETCH 1 BODY[1.NONSENSE]",
        "FETCH 1 (FULL)",
        "FETCH 1 BODY[HEADER.FIELDS]",
    ),
    *("FETCH 1 BODY.PEEK", "SEARCH BODY", "SEARCH SENTON tomorrow", "MOVE 1 nowhere"),
    *('LIST (RECURSIVEMATCH) "" *', 'LIST "" * RETURN (STATUS)', "STATUS INBOX ()"),
    *("FETCH 1 BINARY[1]<0>x", "UID EXPUNGE", "UID MOVE 1", "SEARCH OR SEEN"),
)
CHANGES = (
    *("CREATE work", "CREATE work/deep", 'LIST "" work*', 'LIST "" %', "SUBSCRIBE work"),
    *("SELECT work", "STORE 1:2 +FLAGS (\\Seen $Label)", "STORE 2 -FLAGS.SILENT (\\Seen)"),
    *("FETCH 1:4 FLAGS", "UID STORE 3,4 FLAGS \\Deleted", "UID EXPUNGE 4", "FETCH 1:* UID"),
    *("UID COPY 1:2 work/deep", "STATUS work/deep (MESSAGES UIDNEXT UNSEEN)", "EXPUNGE"),
    *("STATUS work/deep (SIZE)", 'LIST "" work* RETURN (STATUS (MESSAGES UIDNEXT))'),
    *("SUBSCRIBE work/deep", "UNSUBSCRIBE work", 'LSUB "" work%', 'LSUB "" work*'),
    *('LIST (SUBSCRIBED) "" work*', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" work%'),
    *('LIST "" (work work/deep)', 'LIST "" work RETURN (CHILDREN)', 'LIST work/ %'),
    *('LIST "" "work" RETURN (SUBSCRIBED)', "ENABLE NONSENSE", "NAMESPACE", "NOOP", "CHECK"),
    *("MOVE 1 work/deep", "FETCH 1:* (UID FLAGS)", "STATUS work/deep (MESSAGES)", "CLOSE"),
    *("RENAME work/deep work/deeper", 'LIST "" *', "DELETE work/deeper", "SELECT work"),
    *("STORE 1 +FLAGS.SILENT \\Deleted", "UNSELECT", "EXAMINE work", "STORE 1 FLAGS ()"),
    *("UID EXPUNGE 1:*", "CLOSE", "STATUS work (MESSAGES)", "UID FETCH 1 FLAGS"),
    *("UNSUBSCRIBE work/deep",),
)  # fmt: skip
EVERY = (
    *(*FETCHES, *SEARCHES, *SEARCHES_8BIT, *REFUSED, *dict.fromkeys(CHANGES)),
    *(f"FETCH 1 {item}" for item in SEEING),
)

STRUCTURES = ("BODY", "BODYSTRUCTURE", "FULL", "(BODYSTRUCTURE ENVELOPE BODY.PEEK[1])")
BINARIES = ("BINARY.PEEK[1]", "BINARY.SIZE[1]", "BINARY.PEEK[1]<2.5>")
LEAVES = ("alternative", "attachment", "no end", "report", "signed")

# Items, messages for which the answers differ, and why ours is as it is.
DIFFERENT_FETCHES = (
    (
        (*STRUCTURES, "BODY.PEEK[1]", "BODY.PEEK[1.TEXT]"),
        ("multipart inside",),
        "RFC 2046 section 5.1.1: the line end before a boundary is the boundary's. Dovecot counts "
        "it to an enclosed message that ends with a boundary of its own",
    ),
    (
        (*STRUCTURES, "BODY.PEEK[1]", "BODY.PEEK[1.HEADER.FIELDS (SUBJECT)]"),
        ("headless inside",),
        "the same, where the enclosed message ends with the empty line behind its header",
    ),
    (
        STRUCTURES,
        ("broken type",),
        "RFC 2045 section 5.2: what cannot be read is text/plain. Dovecot says type and subtype "
        "are empty strings",
    ),
    (
        ("BODY.PEEK[1.1]", "BODY.PEEK[1.1.MIME]", "BINARY.PEEK[1.1]"),
        LEAVES,
        "RFC 3501 section 6.4.5: a leaf has no part 1. Dovecot answers with the leaf itself",
    ),
    (("BODY.PEEK[2.1]", "BODY.PEEK[2.1.MIME]"), (*LEAVES, "digest"), "the same"),
    (("BODY.PEEK[2.1.MIME]",), ("empty parts",), "the same"),
    (
        BINARIES,
        ("digest", "headless inside", "message", "multipart inside", "nested"),
        "RFC 3516 section 4.3: BINARY is for leaves. Dovecot undoes the encodings inside",
    ),
    (("BINARY.PEEK[2]",), ("nested",), "the same"),
    (
        BINARIES,
        ("broken base64",),
        "damaged base64 is decoded as far as it goes, as mail programs do. Dovecot gives up",
    ),
)
DIFFERENT = {
    "ENABLE NONSENSE": "RFC 9051 section 6.3.1: ENABLED is said although nothing is. Dovecot: OK",
    "STORE 1 FLAGS ()": "RFC 3501 section 6.3.2: EXAMINE allows no change. Dovecot: OK, no change",
    "UID EXPUNGE 1:*": "the same",
}


def different_messages(command: str) -> set[str]:
    """The messages for which a FETCH may be answered differently."""
    item = command.removeprefix("UID FETCH 1:* ")
    return {name for items, names, _ in DIFFERENT_FETCHES if item in items for name in names}
