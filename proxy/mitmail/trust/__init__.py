"""Roots in trust stores: looked at, put in, taken out again, and every change on record."""
