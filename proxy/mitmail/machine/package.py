"""Packages: the command that installs them here, by the names of this system."""

import shutil
import sys
from collections.abc import Mapping
from typing import Final

from mitmail.judge.node import FOLDER

BY_PIP, BY_NPM = " by pip", " by npm"
# In the order in which they are looked for; Homebrew is on Linux, too.
MANAGERS: Final[Mapping[str, str]] = {
    "apt-get": "sudo apt install",
    "dnf": "sudo dnf install",
    "brew": "brew install",
}
# What Debian's packages are called elsewhere, from memory and not tried; those that are called
# the same are not here, and "" is one that is not known there.
ELSEWHERE: Final[Mapping[str, Mapping[str, str]]] = {
    "dnf": {
        "clamav-daemon": "clamd",
        "gnutls-bin": "gnutls-utils",
        "golang-github-emersion-go-imap-dev": "",
        "golang-go": "golang",
        "iproute2": "iproute",
        "iptables": "iptables-nft",
        "libauthen-sasl-perl": "perl-Authen-SASL",
        "libio-socket-ssl-perl": "perl-IO-Socket-SSL",
        "libjakarta-mail-java": "",
        "libmail-java": "",
        "libnss-wrapper": "nss_wrapper",
        "libnss3-tools": "nss-tools",
        "offlineimap3": "offlineimap",
        "openjdk-17-jdk-headless": "java-latest-openjdk-devel",
        "xvfb": "xorg-x11-server-Xvfb",
    },
    "brew": {
        "clamav-daemon": "clamav",
        "getmail6": "",
        "gnutls-bin": "gnutls",
        "golang-github-emersion-go-imap-dev": "",
        "golang-go": "go",
        "iproute2": "",
        "iptables": "",
        "libauthen-sasl-perl": "",
        "libio-socket-ssl-perl": "",
        "libjakarta-mail-java": "",
        "libmail-java": "",
        "libnss-wrapper": "",
        "libnss3-tools": "nss",
        "nftables": "",
        "nodejs": "node",
        "npm": "node",
        "offlineimap3": "offlineimap",
        "openjdk-17-jdk-headless": "openjdk",
        "openssl": "openssl@3",
        "thunderbird": "--cask thunderbird",
        "xvfb": "",
    },
}


def manager() -> str | None:
    """The package manager of this machine, if it is one that is known."""
    order = sorted(MANAGERS, key=lambda name: (name == "brew") != (sys.platform == "darwin"))
    return next((name for name in order if shutil.which(name)), None)


def install(packages: str) -> str:
    """The command that installs packages, which are named as Debian does or "NAME by pip"."""
    if packages.endswith(BY_PIP):
        return f"pip install {packages.removesuffix(BY_PIP)}"
    if packages.endswith(BY_NPM):
        before = "" if shutil.which("npm") else f"{install('npm')} && "
        library = _aliased(packages.removesuffix(BY_NPM))
        return f"{before}npm install --prefix {FOLDER} {library}"
    known = manager()
    names = [_named(each, known) for each in packages.split()]
    if known is None or not all(names):
        return f"install {packages}, as Debian calls it"
    return f"{MANAGERS[known]} {' '.join(dict.fromkeys(names))}"


def _named(package: str, known: str | None) -> str:
    return ELSEWHERE.get(known or "", {}).get(package, package)


def _aliased(package: str) -> str:
    """An old release beside a new one goes by a name of its own: nodemailer-9.0.2."""
    name, hyphen, version = package.rpartition("-")
    return f"{package}@npm:{name}@{version}" if hyphen and version[0].isdigit() else package


def find(program: str) -> str | None:
    """The path of a program, also where only root looks for it."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
