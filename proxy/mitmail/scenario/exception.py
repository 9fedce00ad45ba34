"""Clients that do not do what a correct client does, and are known for it."""

from pydantic import Field, StrictInt

from mitmail.scenario.model import Reasons, Verdict
from mitmail.scenario.part import Model, Text
from mitmail.scenario.product import Signer


class ClientException(Model):
    """One client that fails for a reason of its own although it trusts a root."""

    client: Text = Field(description="The client, as the judge names it.")
    since: Text = Field(description='The first version that does so, in quotes: "3.13".')
    trusts: Signer = Field(description="The root that the client was told to trust.")
    verdict: Verdict = Field(description="What the client does nevertheless.")
    reasons: Reasons = Field(default=(), description="The reasons it may give.")
    code: StrictInt | None = Field(
        default=None, description="The OpenSSL verify code (X509_V_ERR), when it has one."
    )
    why: Text = Field(description="What it is that the client dislikes.")
    source: Text = Field(description="How this is known.")
