"""What a vendor profile may say of connections and TLS, apart from certificates."""

from typing import Literal

from pydantic import Field, StrictBool, StrictInt

from mitmail.scenario.part import Model, SetOf
from mitmail.scenario.spoken import PROTOCOLS, Protocol

type EndWord = Literal["close", "reset", "stall"]


class Transport(Model):
    """How the product treats connections; what is not said is as a careful proxy does it."""

    protocols: SetOf[Protocol] = Field(
        default=PROTOCOLS,
        description="Which protocols are intercepted; a client of another one gets the server's "
        "own TLS.",
    )
    intercepted: StrictInt = Field(
        default=100,
        ge=0,
        le=100,
        description="How many of a hundred connections to an endpoint are intercepted, spread "
        "evenly from the first one on; the others get the server's own TLS.",
    )
    ipv6: StrictBool = Field(
        default=True, description="Whether connections over IPv6 are intercepted, too."
    )
    fails_first: EndWord | None = Field(
        default=None,
        description="What the first client that begins TLS with a server gets instead of it; "
        "from then on the product leaves that server alone.",
    )
    not_mail: EndWord | None = Field(
        default=None,
        description="What becomes of a connection whose client speaks no mail; where it is not "
        "said, it is relayed as far as there is TLS, and closed where TLS is due.",
    )

    def covers(self, endpoint: str) -> bool:
        """Whether the product looks into an endpoint's protocol at all."""
        return any(endpoint in {protocol, f"{protocol}s"} for protocol in self.protocols)
