"""From a customer's sentence or certificate to the same error here, and to the one to blame."""
