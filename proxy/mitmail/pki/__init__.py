"""Keys, DER, certificates and the store that keeps them."""
