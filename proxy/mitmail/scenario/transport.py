"""What a vendor profile may say of connections and TLS, apart from certificates."""

from mitmail.scenario.part import Model


class Transport(Model):
    """How the product treats connections; what is not said is as a careful proxy does it."""
