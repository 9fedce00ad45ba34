"""Real mail clients, driven: what they are asked to do, and what they say of it."""
