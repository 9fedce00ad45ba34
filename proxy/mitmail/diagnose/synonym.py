"""Words of mail and TLS that mean one thing, and those that say nothing, in small letters."""

from collections.abc import Mapping
from typing import Final

SAME: Final[Mapping[str, str]] = {
    "cert": "certificate", "certs": "certificate", "selfsigned": "self signed",
    "certificates": "certificate", "cerificate": "certificate", "ssl": "tls", "stls": "starttls",
    "email": "mail", "mails": "mail", "emails": "mail", "cannot": "not", "unable": "not",
    "cant": "not", "isnt": "not", "arent": "not", "doesnt": "not", "dont": "not", "didnt": "not",
    "couldnt": "not", "wasnt": "not", "wont": "not", "hasnt": "not", "havent": "not",
    "wouldnt": "not", "never": "not", "untrusted": "not trusted", "hostname": "host name",
    "hostnames": "host name", "somebody": "someone", "supports": "supported",
    "support": "supported", "recognised": "recognized", "expire": "", "expires": "",
    "expiring": "", "expiry": "", "expiration": "",
    "advertises": "advertise", "offers": "offer", "offered": "offer", "timeout": "timed out",
    "timeouts": "timed out", "ca": "authority", "cas": "authority", "attempt": "try",
    "ran": "expired", "popups": "popup", "reinstalling": "reinstalled", "stopped": "not",
    "asking": "asks", "asked": "asks", "stays": "still", "hoster": "hosting",
    "mailserver": "mail server", "isp": "provider", "av": "antivirus", "tb": "thunderbird",
    "ignores": "not", "ignored": "not", "forever": "hangs", "hang": "hangs",
    "commonname": "common name", "bean": "been",
}  # fmt: skip
"""What is said for one thing, each with the words that are put for it; before endings are cut.

What will expire, or has a date when it does, is not expired: these words say nothing.
"""

SILENT: Final = frozenset((
    "a", "about", "all", "already", "also", "always", "am", "an", "and", "any", "are", "as",
    "at", "be", "because", "been", "being", "both", "by", "can", "code", "could", "customer",
    "dear", "did", "do", "does", "each", "error", "errors", "even", "for", "from", "get",
    "gets", "got", "had", "has", "have", "he", "hello", "her", "here", "hi", "his", "how",
    "i", "if", "in", "into", "is", "it", "its", "just", "may", "me", "message", "might", "my",
    "now", "of", "off", "on", "only", "or", "our", "over", "please", "regards", "s", "said",
    "say", "saying", "says", "shall", "she", "should", "show", "shows", "since", "so", "some",
    "still", "t", "tells", "thank", "thanks", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "to", "today", "up", "us", "warning", "was", "we",
    "were", "what", "when", "which", "while", "who", "why", "will", "with", "would",
    "yesterday", "you", "your",
))  # fmt: skip
"""What stands in any sentence, and in any message of an error."""
