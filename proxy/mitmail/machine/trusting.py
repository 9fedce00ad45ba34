"""The programs that read and write trust stores."""

from collections.abc import Iterator
from typing import Final

from mitmail.machine import package
from mitmail.machine.check import Check

# Program: what it is for, and Debian's package.
PROGRAMS: Final = {
    "openssl": ("to look at certificates", "openssl"),
    "certutil": ("for the stores of Thunderbird and Firefox", "libnss3-tools"),
    "keytool": ("for Java's store", "openjdk-17-jdk-headless"),
}
SYSTEM: Final = ("update-ca-certificates", "update-ca-trust", "security")


def programs() -> Iterator[Check]:
    """Each of them, and what installs it."""
    for program, (what, packages) in PROGRAMS.items():
        path = package.find(program)
        if path is not None:
            yield Check(id=program, status="ok", words=f"{path}, {what}")
        else:
            fix = package.install(packages)
            yield Check(id=program, status="missing", words=f"{program}, {what}", fix=fix)


def system() -> Iterator[Check]:
    """What changes the store of the system; Windows has it built in."""
    found = next((path for name in SYSTEM if (path := package.find(name)) is not None), None)
    if found is not None:
        yield Check(id="system-store", status="ok", words=f"{found}, for the system's store")
    elif package.manager() is not None:
        words, fix = "update-ca-certificates, for the system's store", "ca-certificates"
        yield Check(id="system-store", status="missing", words=words, fix=package.install(fix))
