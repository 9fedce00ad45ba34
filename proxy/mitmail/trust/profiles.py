"""The profiles of Thunderbird and Firefox on this machine, by their profiles.ini."""

import configparser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mitmail.errors import MitmailError

PROGRAMS: Final = ("thunderbird", "firefox")

# Where profiles.ini lies, below the home folder: packages, Snap, Flatpak, and since version 147
# of Firefox the folder for configuration. {config}, {appdata}: as the environment says.
_LINUX: Final = {
    "thunderbird": (
        "{home}/.thunderbird",
        "{config}/thunderbird",
        "{home}/snap/thunderbird/common/.thunderbird",
        "{home}/.var/app/org.mozilla.Thunderbird/.thunderbird",
        "{home}/.var/app/org.mozilla.thunderbird/.thunderbird",
        "{home}/.var/app/net.thunderbird.Thunderbird/.thunderbird",
    ),
    "firefox": (
        "{home}/.mozilla/firefox",
        "{config}/mozilla/firefox",
        "{home}/snap/firefox/common/.mozilla/firefox",
        "{home}/.var/app/org.mozilla.firefox/.mozilla/firefox",
        "{home}/.var/app/org.mozilla.firefox/config/mozilla/firefox",
    ),
}
_MACOS: Final = {
    "thunderbird": ("{home}/Library/Thunderbird",),
    "firefox": ("{home}/Library/Application Support/Firefox",),
}
_WINDOWS: Final = {
    "thunderbird": ("{appdata}/Thunderbird",),
    "firefox": ("{appdata}/Mozilla/Firefox",),
}
_BY_PLATFORM: Final = {"win32": _WINDOWS, "darwin": _MACOS}


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile: its program, its name in the profile manager, its folder."""

    program: str
    name: str
    folder: Path
    is_default: bool


def homes(program: str, environ: Mapping[str, str], platform: str) -> list[Path]:
    """The folders in which ``program`` may keep a profiles.ini; they need not be there."""
    home = environ.get("HOME") or str(Path.home())
    config = environ.get("XDG_CONFIG_HOME", "")
    places = {
        "home": home,
        "config": config if Path(config).is_absolute() else f"{home}/.config",
        "appdata": environ.get("APPDATA") or f"{home}/AppData/Roaming",
    }
    return [Path(one.format(**places)) for one in _BY_PLATFORM.get(platform, _LINUX)[program]]


def profiles(program: str, environ: Mapping[str, str], platform: str) -> list[Profile]:
    """Every profile of ``program`` whose folder is there, those of one profiles.ini together.

    Raises MitmailError that names a profiles.ini which cannot be read.
    """
    return [each for home in homes(program, environ, platform) for each in _listed(program, home)]


def choose(program: str, name: str | None, environ: Mapping[str, str], platform: str) -> Profile:
    """The profile called ``name``, or the one that the program opens by itself.

    Raises MitmailError that lists what there is when none or several fit.
    """
    found = profiles(program, environ, platform)
    if not found:
        where = ", ".join(map(str, homes(program, environ, platform)))
        raise MitmailError(
            f"no profile of {program} found below {where}; start it once, or name a profile's "
            "folder: --store nss:FOLDER"
        )
    fitting = [one for one in found if one.name == name] if name is not None else found
    if name is None and len(found) > 1:
        fitting = [one for one in found if one.is_default]
    if len(fitting) == 1:
        return fitting[0]
    said = f"{program}:{name}" if name is not None else program
    wrong = "there are several" if fitting else "there is none"
    known = "; ".join(f"{program}:{one.name} is nss:{one.folder}" for one in found)
    raise MitmailError(f"--store {said}: {wrong}. Name one of these: {known}")


def _listed(program: str, home: Path) -> Iterator[Profile]:
    ini = home / "profiles.ini"
    if not ini.is_file():
        return
    # Mozilla's parser knows no interpolation, and takes the last of two like keys.
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(ini.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise MitmailError(f"{ini}: cannot be read: {str(error).splitlines()[0]}") from None
    # A newer program keeps its own default by [Install...], and looks at nothing else.
    installs = [parser.get(s, "Default", fallback="") for s in parser.sections() if _is_install(s)]
    for section in parser.sections():
        path = parser.get(section, "Path", fallback="")
        if not section.startswith("Profile") or not path:
            continue
        relative = parser.get(section, "IsRelative", fallback="1") != "0"
        folder = home / path if relative else Path(path)
        marked = parser.get(section, "Default", fallback="") == "1"
        default = path in installs if installs else marked
        if folder.is_dir():
            yield Profile(program, parser.get(section, "Name", fallback=path), folder, default)


def _is_install(section: str) -> bool:
    return section.startswith("Install")
