"""Scenario x vendor profile x names x now, resolved: what is presented, and what to expect.

The only package that knows both the scenario files and the certificates.
"""

from mitmail.plan.expectation import Expectation, Trusted, expect
from mitmail.plan.names import Names
from mitmail.plan.plan import Plan, make
from mitmail.plan.server import is_ordinary

__all__ = ["Expectation", "Names", "Plan", "Trusted", "expect", "is_ordinary", "make"]
