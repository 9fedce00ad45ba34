"""Clients that do not do what a correct client does, and are known for it."""

from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt

from mitmail.scenario.part import Model, Text
from mitmail.scenario.product import Signer
from mitmail.scenario.verdict import Reasons, Verdict


def _version(text: str) -> str:
    if not all(part.isdecimal() for part in text.split(".")):
        raise ValueError('write a version in numbers, such as "3.13"')
    return text


class KnownClient(Model):
    """One client that fails for a reason of its own."""

    client: Text = Field(description="The client, as the judge names it.")
    since: Annotated[Text, AfterValidator(_version)] = Field(
        description='The first version that does so, in quotes: "3.13".'
    )
    verdict: Verdict = Field(description="What the client does nevertheless.")
    reasons: Reasons = Field(default=(), description="The reasons it may give.")
    code: StrictInt | None = Field(
        default=None, description="The OpenSSL verify code (X509_V_ERR), when it has one."
    )
    why: Text = Field(description="What it is that the client dislikes.")
    source: Text = Field(description="How this is known.")

    def is_of(self, client: str, version: tuple[int, ...]) -> bool:
        """Whether this client does so in this version."""
        return client == self.client and version >= tuple(map(int, self.since.split(".")))


class ClientException(KnownClient):
    """One client that fails for a reason of its own although it trusts a root."""

    trusts: Signer = Field(description="The root that the client was told to trust.")
