"""What ``mitmail serve --all`` tells a person: by what name each case is reached, and where."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from mitmail.endpoint import ENDPOINTS
from mitmail.service import hosts
from mitmail.service.gallery import Gallery, Places
from mitmail.service.record import Served

WIDTH: Final = 99
_PRELOAD: Final = "LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_HOSTS={file}"


def welcome(gallery: Gallery, places: Places, hosts_file: Path | None, *, exposed: bool) -> str:
    """The settings of the account, the roots to import, the hosts lines, who stands apart."""
    lines = [
        f"Serving {len(gallery.catalogue.by_name)} cases by name: the client connects to "
        "<id>.mitmail.test.",
        "",
    ]
    host = next(iter(places.by_name.values())).host
    if exposed:
        lines += [
            f"WARNING: {host} is reachable from other machines. Whoever connects can log in",
            "with the user below, and sees a certificate authority that is not a real one.",
            "",
        ]
    lines += [*_settings(gallery, places), "", *_roots(gallery), "", *_hosts(hosts_file), ""]
    lines += [*_apart(gallery, places), *_unsupported(gallery)]
    lines.append(
        "Every id in one line: mitmail list. Waiting for the first connection. Ctrl-C stops."
    )
    return "\n".join(lines)


def _settings(gallery: Gallery, places: Places) -> Iterator[str]:
    yield "In the account dialog, for the case of any id:"
    for one in places.by_name.values():
        protocol = one.endpoint.protocol.upper()
        yield f"  {protocol:5} <id>.mitmail.test  port {one.port:<5}  {one.endpoint.dialog}"
    yield f"  user {gallery.user}   password {gallery.password}"


def _roots(gallery: Gallery) -> Iterator[str]:
    yield f"{'Root to import into the client:':32} {gallery.root_file}"
    if gallery.kept_in is None:
        yield "  It ends with this run."
    if gallery.own_roots:
        folder = next(iter(gallery.own_roots.values())).parent
        yield f"These cases have roots of their own, {folder}/<id>.pem, which end with this run:"
        yield from _paragraph(gallery.own_roots)


def _hosts(file: Path | None) -> Iterator[str]:
    if file is None:
        yield "The names must lead here: mitmail serve --all --hosts FILE writes the lines for"
        yield f"{hosts.system_file()}."
        return
    yield f"The names must lead here: the lines for {hosts.system_file()} are in {file}."
    yield "For one program alone, on Linux with libnss_wrapper:"
    yield f"  {_PRELOAD.format(file=file.absolute())} PROGRAM"


def _apart(gallery: Gallery, places: Places) -> Iterator[str]:
    if not places.apart:
        return
    names = {id_: gallery.catalogue.name(id_) for id_ in places.apart}
    first = max(map(len, names)) + 2
    second = max(map(len, names.values())) + 2
    yield "These cannot be chosen by name. Each has ports of its own:"
    yield f"  {'id':{first}}{'name':{second}}" + "  ".join(f"{x:>5}" for x in ENDPOINTS)
    for id_, served in places.apart.items():
        yield f"  {id_:{first}}{names[id_]:{second}}" + "  ".join(_ports(served))
    yield ""


def _ports(served: Mapping[str, Served]) -> Iterator[str]:
    for name in ENDPOINTS:
        yield f"{served[name].port:5}" if name in served else f"{'-':>5}"


def _unsupported(gallery: Gallery) -> Iterator[str]:
    if gallery.unsupported:
        yield "These cannot be served here:"
        yield from (f"  {id_}: {words}" for id_, words in gallery.unsupported.items())
        yield ""


def _paragraph(ids: Iterable[str]) -> list[str]:
    return textwrap.wrap(
        " ".join(ids), WIDTH, initial_indent="  ", subsequent_indent="  ",
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip
