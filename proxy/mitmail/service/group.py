"""The group that this process runs with: the mark by which the kernel tells its connections."""

import os
import sys
from dataclasses import dataclass

PEOPLE = 1000  # the first number of a person's account (login.defs of Debian, Fedora and others)


@dataclass(frozen=True, slots=True)
class Group:
    """``shared`` says that whatever else the user starts runs with it, too."""

    number: int
    name: str
    shared: bool


def own() -> Group:
    """The group of this process; for systems that have groups."""
    if sys.platform == "win32":
        raise AssertionError("no groups here")
    import grp
    import pwd

    number, user = os.getegid(), os.geteuid()
    try:
        name = grp.getgrgid(number).gr_name
    except KeyError:  # setpriv and containers give numbers that have no name
        name = str(number)
    try:
        shared = pwd.getpwuid(user).pw_gid == number and (user == 0 or user >= PEOPLE)
    except KeyError:
        shared = False
    return Group(number, name, shared)
