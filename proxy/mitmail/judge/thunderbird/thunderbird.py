"""Thunderbird as a client of the judge: one instance, kept warm, is asked for every case."""

import asyncio
import atexit
import configparser
import ipaddress
import re
import shutil
import ssl
import sys
import threading
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mitmail.errors import CannotJudgeError
from mitmail.judge.client import ALL, Client, Job, Said, Target, letter
from mitmail.judge.thunderbird.instance import Instance
from mitmail.judge.thunderbird.kept import GoneError
from mitmail.judge.thunderbird.marionette import RefusedError
from mitmail.judge.thunderbird.nss import REASONS

type Confirm = Literal["permanent", "session"]

NAME = "thunderbird"
PLACES = ("/usr/lib", "/usr/lib64", "/opt", "/usr/local/lib")
# What it gets on top of the target's patience, for its account, its windows and a slow machine.
GRACE = 15.0
LOOPBACK = "127.0.0.1"
# What it tells its user where a server has no STARTTLS, or refuses it.
NO_STARTTLS = re.compile(r"STARTTLS|Unable to establish TLS connection to POP3 server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a check does beyond that of a case: what a person at Thunderbird may do.

    ``confirm`` presses the exception dialog's button, for good or until Thunderbird ends.
    ``keep`` leaves exceptions from before, ``stay`` the account for the next check, ``compose``
    sends from a compose window.
    """

    confirm: Confirm | None = None
    keep: bool = False
    stay: bool = False
    compose: bool = False


class Warm:
    """The one Thunderbird of this process: started when first asked, anew after a failure."""

    def __init__(self, program: str, xvfb: str) -> None:
        self.program, self.xvfb = program, xvfb
        self.instance: Instance | None = None
        self._lock = threading.Lock()
        self._failures: list[str] = []
        atexit.register(self.end)

    def check(self, target: Target, wish: Wish) -> Said:
        """Ask it; one after the other."""
        if (unfit := _unfit(target)) is not None:
            return _failed(unfit)
        with self._lock:
            # What has failed twice to start will not start for the next case either.
            if len(self._failures) > 1:
                return _failed(self._failures[-1])
            try:
                if self.instance is None:
                    self.instance = Instance(self.program, self.xvfb)
                    self._failures.clear()
                found, picture = self.instance.check(_job(target, wish), target.patience + GRACE)
            except CannotJudgeError as error:
                self._failures.append(str(error))
                return _failed(str(error))
            except (GoneError, TimeoutError, RefusedError) as error:
                self._drop()
                return _failed(_broken(error, target.patience + GRACE))
            except BaseException:
                self._drop()
                raise
        return read(found, picture)

    def end(self) -> None:
        """End it, also while it is being asked."""
        if (instance := self.instance) is not None:
            self.instance = None
            instance.end()

    def _drop(self) -> None:
        self.end()


@dataclass(frozen=True, slots=True)
class Thunderbird(Client):
    """Thunderbird, which is not started anew for each case."""

    warm: Warm | None = None

    async def ask(self, target: Target) -> Said:
        """Check mail, or send one."""
        return await self.check(target, Wish())

    async def check(self, target: Target, wish: Wish) -> Said:
        """Check mail, or send one, as a person does who wishes more than that."""
        assert self.warm is not None
        try:
            return await asyncio.to_thread(self.warm.check, target, wish)
        except asyncio.CancelledError:
            # Whoever waits for it no longer does: neither shall the thread.
            self.warm.end()
            raise


def thunderbird() -> Thunderbird | None:
    """Thunderbird, if it and Xvfb are here (Linux; Debian: thunderbird, xvfb)."""
    path, xvfb = shutil.which("thunderbird"), shutil.which("Xvfb")
    if sys.platform != "linux" or path is None or xvfb is None:
        return None
    program = _program(Path(path))
    return Thunderbird(
        NAME,
        _version(program),
        ALL,
        _never,
        _never,
        exclusive=NAME,
        warm=_warm(str(program), xvfb),
    )


def read(found: dict[str, Any], picture: bytes) -> Said:
    """What Thunderbird said, from what its own code reported."""
    details = _details(found)
    if found.get("done"):
        return Said("accept", None, None, "", details, picture or None)
    told = [text for one in found["shown"] for text in one["texts"]] + found["alerts"]
    words = "\n".join(dict.fromkeys([found["error"], *told]))
    if (nss := found.get("nss")) is not None:
        return Said("reject", REASONS.get(nss), None, words, details, picture or None)
    if NO_STARTTLS.search(" ".join(told)):
        return Said("reject", "starttls", None, words, details, picture or None)
    return Said("error", None, None, words, details, picture or None)


def _details(found: dict[str, Any]) -> dict[str, Any]:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for one in found["shown"]:
        by_kind.setdefault(one["kind"], []).append(one)
    notifications = [text for one in by_kind.get("notification", []) for text in one["texts"]]
    dialogs = [*by_kind.get("exception", []), *by_kind.get("prompt", [])]
    return {
        "nss_error": found.get("nss"),
        "overridable": bool(found.get("overridable")),
        "notification": notifications[0] if notifications else None,
        "dialog": dialogs[0] if dialogs else None,
        "shown": found["shown"],
        "exceptions": found["exceptions"],
    }


_warmed: dict[tuple[str, str], Warm] = {}


def _warm(program: str, xvfb: str) -> Warm:
    return _warmed.setdefault((program, xvfb), Warm(program, xvfb))


def _program(path: Path) -> Path:
    # /usr/bin/thunderbird is a script that first looks after its user's own profiles.
    real = path.resolve()
    if real.read_bytes()[:4] == b"\x7fELF":
        return real
    found = (Path(place) / "thunderbird" / "thunderbird" for place in PLACES)
    return next((one for one in found if one.is_file()), path)


def _version(program: Path) -> tuple[int, ...]:
    ini = configparser.ConfigParser()
    ini.read(program.parent / "application.ini", encoding="utf-8")
    text = ini.get("App", "Version", fallback="0")
    return tuple(int(part) for part in re.findall(r"\d+", text))


def _job(target: Target, wish: Wish) -> dict[str, object]:
    return {
        "protocol": target.endpoint.protocol,
        "tls": target.endpoint.tls,
        "name": target.name,
        "port": target.port,
        "user": target.user,
        "password": target.password,
        "roots": _roots(target.roots),
        "patience": target.whole_patience,
        "letter": letter(target, "Thunderbird").decode(),
        "confirm": wish.confirm,
        "keep": wish.keep,
        "stay": wish.stay,
        "compose": wish.compose,
    }


def _roots(file: Path) -> list[str]:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    blocks = file.read_text(encoding="ascii").split(begin)[1:]
    found = [begin + block.partition(end)[0] + end for block in blocks]
    return [b64encode(ssl.PEM_cert_to_DER_cert(one)).decode() for one in found]


def _unfit(target: Target) -> str | None:
    if target.endpoint.tls == "plain":
        return None
    if _is_address(target.name):
        if target.name != target.host:
            return f"Thunderbird connects to {target.name} itself, which is not {target.host}"
        return None
    if target.host != LOOPBACK:
        return f"Thunderbird can be led to {LOOPBACK} only, not to {target.host}"
    return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _failed(words: str) -> Said:
    return Said("error", None, None, words)


def _broken(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"Thunderbird did not answer in {seconds:.0f} s: the next case gets a new one"
    if isinstance(error, GoneError):
        return f"Thunderbird ended meanwhile ({error}): the next case gets a new one"
    return f"Thunderbird could not do it ({error}): the next case gets a new one"


def _never(*_: object) -> Any:
    raise AssertionError("Thunderbird is not started for one case")
