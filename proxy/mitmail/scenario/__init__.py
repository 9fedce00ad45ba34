"""What a scenario file and a vendor profile may say, and how they are read.

Nothing is imported here: pydantic and ruamel.yaml cost more than the rest of ``--help``.
"""
