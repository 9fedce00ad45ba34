"""What a vendor profile may say of messages: what is scanned, marked, replaced and refused."""

from mitmail.scenario.part import Model


class Screening(Model):
    """What the product does with mail; nothing, unless it is said."""
