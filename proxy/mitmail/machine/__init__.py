"""The machine that mitmail is on: what works here, what is missing, and what installs it."""
