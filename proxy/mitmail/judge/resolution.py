"""Where a name leads to, for one program: nss_wrapper, and nothing on the machine changes."""

from functools import cache
from pathlib import Path

from mitmail.judge.client import Target

FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


@cache
def wrapper() -> Path | None:
    """The library nss_wrapper (Debian: libnss-wrapper), if it is here."""
    found = (x for folder in FOLDERS for x in Path(folder).glob("**/libnss_wrapper.so"))
    return next(found, None)


def led(target: Target, home: Path) -> dict[str, str]:
    """The environment in which the target's name leads to the target's host."""
    hosts = home / "hosts"
    hosts.write_text(f"{target.host} {target.name}\n")
    return {"LD_PRELOAD": str(wrapper()), "NSS_WRAPPER_HOSTS": str(hosts)}
