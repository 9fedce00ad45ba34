"""A plan being served: the mailstore, doors and shields on their ports, and records of it."""
