"""The commands by which a person has a root trusted, and takes it out again."""

import base64
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mitmail.trust import java, policy
from mitmail.trust.root import Root, common_name
from mitmail.trust.system import FAMILIES


@dataclass(frozen=True, slots=True)
class Instruction:
    """For one store: lines to type, the lines that undo them, and what to know."""

    store: str
    title: str
    install: tuple[str, ...]
    uninstall: tuple[str, ...]
    notes: tuple[str, ...] = ()


_ANY_NAME: Final = (
    "WARNING: it can sign for any name. For a test machine alone; take it out again."
)

# Windows PowerShell 5.1 and PowerShell 7. Of the machine: the user's own store asks in a dialog.
_POWERSHELL: Final = (
    "$c=New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 "
    "-ArgumentList @(,[Convert]::FromBase64String('{octets}')); "
    "$s=New-Object System.Security.Cryptography.X509Certificates.X509Store Root,LocalMachine; "
    "$s.Open('ReadWrite'); $s.Add($c); $s.Close()"
)
_POWERSHELL_UNDO: Final = (
    "Get-ChildItem Cert:\\LocalMachine\\Root | Where-Object {{ [BitConverter]::ToString("
    "[Security.Cryptography.SHA256]::Create().ComputeHash($_.RawData)).Replace('-','') "
    "-eq '{sha256}' }} | Remove-Item"
)


def instructions(root: Root, path: Path) -> Iterator[Instruction]:
    """Every way to trust ``root``, whose PEM lies at ``path``; each command is complete."""
    name, file = shlex.quote(common_name(root.certificate)), shlex.quote(str(path))
    short, warning = root.sha256[:16], () if root.kind == "server" else (_ANY_NAME,)
    yield _thunderbird(path)
    yield Instruction(
        "nss", "A profile of Thunderbird or Firefox by certutil (Debian: libnss3-tools)",
        (f"certutil -A -d sql:PROFILE -n {name} -t C,, -i {file}",),
        (f"certutil -D -d sql:PROFILE -n {name}",),
        ("Close the program first. certutil -L -d sql:PROFILE must show C,, afterwards.",
         "Where two have this name, certutil -D takes either; mitmail trust uninstall does not."),
    )  # fmt: skip
    yield _policies(path)
    for family in FAMILIES:
        there = f"{family.folder}/mitmail-{short}{family.suffix}"
        yield Instruction(
            "system", f"The system's store: {family.name}",
            (f"sudo cp {file} {there}", f"sudo {family.update}"),
            (f"sudo rm {there}", f"sudo {family.update}"),
            ("Thunderbird and Firefox on Linux do not read it.", *warning),
        )  # fmt: skip
    yield _java(file, short, warning)
    yield Instruction(
        "windows", "Windows: PowerShell as administrator, the certificate is in the command",
        (_POWERSHELL.format(octets=base64.b64encode(root.certificate).decode()),),
        (_POWERSHELL_UNDO.format(sha256=root.sha256.upper()),),
        ("Outlook reads this store. It is the certificate alone, without its key.", *warning),
    )  # fmt: skip
    yield Instruction(
        "macos", "macOS",
        ("sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "
         f"{file}",),
        (f"sudo security remove-trusted-cert -d {file}",
         f"sudo security delete-certificate -Z {root.sha256.upper()} "
         "/Library/Keychains/System.keychain"),
        ("macOS asks for a password, also in Terminal.", *warning),
    )  # fmt: skip


def _thunderbird(path: Path) -> Instruction:
    return Instruction(
        "thunderbird", "Thunderbird, by hand",
        ("Settings > Privacy & Security > Manage Certificates > Authorities > Import",
         f"choose {path}",
         "tick \"Trust this CA to identify websites\""),
        ("the same tab: choose the certificate > Delete or Distrust",),
        ("Under Authorities, never under Servers or Your Certificates.",),
    )  # fmt: skip


def _policies(path: Path) -> Instruction:
    document = f'{{"policies": {{"Certificates": {{"Install": ["{path.as_posix()}"]}}}}}}'
    places = tuple(f"{p} on {s}: {where}" for (p, s), where in policy.PLACES.items())
    return Instruction(
        "policies", "Thunderbird or Firefox, by policies.json",
        (document,),
        ("take the line out again, then take the root out of each profile",),
        (*places, "Started with it, the program copies the root into its profile, and keeps it."),
    )  # fmt: skip


def _java(file: str, short: str, warning: tuple[str, ...]) -> Instruction:
    where = f"-cacerts -storepass {java.PASSWORD} -alias mitmail-{short}"
    return Instruction(
        "java", "Java",
        (f"sudo keytool -importcert -noprompt {where} -file {file}",),
        (f"sudo keytool -delete {where}",),
        ("Programs that bring a Java of their own have a store of their own.", *warning),
    )  # fmt: skip
