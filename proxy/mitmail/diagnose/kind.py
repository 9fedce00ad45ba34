"""What re-signs TLS: a product on the customer's computer, or one on his network."""

from typing import Literal

type Kind = Literal["antivirus", "gateway"]
type Sureness = Literal["certain", "likely", "possible"]
