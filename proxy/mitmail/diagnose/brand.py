"""Names of authorities that belong to antivirus products and gateways without a profile here.

From an error page of Chromium, which knows them, and from public bug reports. A name alone is
no proof: nobody is called certain by it.
"""

import re
from typing import Final, NamedTuple

from mitmail.diagnose.kind import Kind


class Brand(NamedTuple):
    """A product, and what an attribute of its authority's name looks like.

    ``bare`` are names that are no words of anybody's: they tell without the attribute, too.
    """

    product: str
    kind: Kind
    attribute: str
    pattern: str
    bare: str = r"(?!)"


BRANDS: Final = (
    Brand("Avast (2016 and before)", "antivirus", "CN", r"avast! Web/Mail Shield .*Root"),
    Brand("Avast (2013 and before)", "antivirus", "CN", r"avast! .*Mail Scanner.*"),
    Brand("Kaspersky", "antivirus", "CN", r"Kaspersky (Anti-Virus|Web Anti-Virus|Lab).*"),
    Brand("Bitdefender", "antivirus", "CN", r"Bitdefender (Personal CA|CA SSL).*"),
    Brand("ESET", "antivirus", "CN", r"ESET SSL Filter CA.*"),
    Brand("Dr.Web", "antivirus", "CN", r"(Dr\.?Web|SpIDer Gate) .*Root.*"),
    Brand("FortiGate", "gateway", "CN", r"FortiGate CA|Fortinet[_ ].*CA.*", r"Fortinet_CA\w*"),
    # The serial number of the box: FG100E, FGT60F, FWF61E and the like, and what tells them apart.
    Brand("FortiGate", "gateway", "CN", *[r"F[GW][0-9A-Z]{6}[0-9]{8}"] * 2),
    Brand("FortiGate", "gateway", "O", r"Fortinet( Ltd\.)?"),
    Brand(
        "Sophos",
        "gateway",
        "CN",
        r"Sophos[ _]SSL[ _]CA_.*|Sophos_CA_.*|sophosutm Proxy CA",
        r"Sophos[ _]SSL[ _]CA_\w+|Sophos_CA_\w+",
    ),
    Brand("Sophos Web Appliance", "gateway", "O", r"Sophos Plc"),
    Brand("Zscaler", "gateway", "CN", r"Zscaler .*CA.*"),
    Brand("Cisco Umbrella", "gateway", "CN", r"Cisco Umbrella .*CA.*"),
    Brand("ContentKeeper", "gateway", "CN", r"ContentKeeper Appliance CA.*"),
    Brand("Cyberoam", "gateway", "CN", r"Cyberoam .*CA.*|Cyberoam Certificate Authority.*"),
    Brand("Forcepoint", "gateway", "CN", r"Forcepoint .*CA.*"),
    Brand("Smoothwall", "gateway", "CN", r"Smoothwall.*certificate-authority"),
    Brand("SonicWall", "gateway", "CN", r"SonicWall Firewall DPI-SSL"),
    Brand("Blue Coat", "gateway", "O", r"Blue Coat( Systems)?,? Inc\.?"),
    Brand("NetSpark", "gateway", "CN", r"NetSpark.*"),
    Brand("McAfee Web Gateway", "gateway", "CN", r"McAfee Web Gateway.*"),
    Brand("mitmproxy", "gateway", "CN", r"mitmproxy"),
)


def brand(attributes: list[tuple[str, str]]) -> tuple[Brand, str] | None:
    """The product whose authority may have this name, and the attribute that says so."""
    for one in BRANDS:
        for kind, text in attributes:
            if kind == one.attribute and re.fullmatch(one.pattern, text):
                return one, f"{kind}={text}"
    return None
