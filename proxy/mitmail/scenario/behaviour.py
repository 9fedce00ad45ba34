"""What a behaviour file may say: one thing that antivirus products do to mail over TLS."""

from typing import Any, Final, Self

from pydantic import Field, model_validator

from mitmail.scenario.evidence import Evidence
from mitmail.scenario.part import Model, SetOf, Text
from mitmail.scenario.product import ENDPOINTS, EndpointName

# What an installation has once, for all endpoints.
_SHARED: Final = frozenset(
    {"brand", "simulated_suffix", "roots", "root_shape", "root_given", "intermediate", "device"}
)


class BehaviourFile(Model):
    """One thing that products do. With ``set`` it is a switch for any profile; one without
    happens behind every shield, or is ``missing``.
    """

    code: Text = Field(
        pattern=r"^[A-Z]+-[0-9]+$", description="Its place in the list of all behaviours: SIG-4."
    )
    title: Text = Field(description="What happens, in one line.")
    who: Text = Field(description="Which products do so.")
    evidence: Evidence = Field(description="How it is known; the weakest mark that applies.")
    breaks: Text = Field(description="What a customer or a client suffers from it.")
    endpoints: SetOf[EndpointName] = Field(
        default=ENDPOINTS, min_length=1, description="Where it happens."
    )
    set: dict[Text, Any] = Field(
        default={},
        description="What a vendor profile says otherwise while the behaviour is on, as the "
        "profile would say it; lists and single values replace the profile's.",
    )
    proof: SetOf[Text] = Field(
        default=(), description="The tests that show it through a real client or verifier."
    )
    missing: Text | None = Field(default=None, description="Why mitmail does not do so (yet).")

    @model_validator(mode="after")
    def _is_proven_or_missing(self) -> Self:
        if self.endpoints != ENDPOINTS and (shared := sorted(_SHARED & self.set.keys())):
            raise ValueError(f"{', '.join(shared)} cannot differ by endpoint: leave out endpoints")
        if self.missing is not None and (self.set or self.proof):
            raise ValueError("what is missing has neither set nor proof")
        if self.missing is None and not self.proof:
            raise ValueError("name the tests that show it (proof), or say why it is missing")
        return self


class Behaviour(BehaviourFile):
    """A behaviour and where it comes from: ``id``, the stem of ``file``, is its switch."""

    id: str
    file: str

    @property
    def is_switch(self) -> bool:
        """Whether ``--switch`` can turn it on."""
        return bool(self.set)
