"""What a vendor profile may say of the dialogue: STARTTLS, capabilities, banner and farewell."""

from mitmail.scenario.part import Model


class Conversation(Model):
    """How the product changes what server and client say; nothing, unless it is said."""
