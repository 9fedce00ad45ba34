"""What ``mitmail serve`` tells a person: what to type into the client, and what the client did."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mitmail.addon.route import Happening
from mitmail.engine.context import is_address
from mitmail.engine.finding import Finding
from mitmail.engine.session import Session
from mitmail.engine.verdict import Verdict
from mitmail.plan import Expectation, Trusted
from mitmail.service import hosts
from mitmail.service.memory import Earlier
from mitmail.service.record import Bench, Served
from mitmail.service.stage import Shown

BOTH: frozenset[Trusted] = frozenset({"server-root", "antivirus-root"})


def welcome(bench: Bench, served: Mapping[str, Served], *, exposed: bool, remote: str = "") -> str:
    """The settings of the account, the roots to import, the hosts line.

    ``remote`` is the option that chooses this run where others run beside it.
    """
    first = next(iter(served.values()))
    lines = [_headline(bench), _expectation(bench), ""]
    lines += _warnings(bench, first.host, exposed=exposed)
    lines += [*_settings(bench, served), "", *_roots(bench), "", *_hosts(bench, first.host)]
    if remote:
        ways = ["mitmail switch ID"] if bench.upstream is None else []
        ways.append(f"mitmail switch --antivirus NAME{'' if bench.upstream else '|off'}")
        lines.append(f"While it runs: {', '.join(ways)}. This one is {remote}.")
    return "\n".join([*lines, "Waiting for the first connection. Ctrl-C stops."])


def switched(shown: Shown, running: int) -> str:
    """What is served from now on, what of it stays, and what has to be imported anew."""
    bench = shown.bench
    lines = [f"Switched. {_headline(bench)}", _expectation(bench), *_staying(shown, running)]
    if shown.new_root and bench.upstream is None:
        lines += _root("Another root to import:", bench.root_file, bench)
    if shown.new_antivirus_root and bench.antivirus_root_file is not None:
        lines += _root("The antivirus' own root now:", bench.antivirus_root_file, bench)
    return "\n".join(lines)


def _staying(shown: Shown, running: int) -> list[str]:
    lines = ["Name, ports, user and password are as they were."]
    if running:
        what = "1 session keeps" if running == 1 else f"{running} sessions keep"
        lines.append(f"{what} to the end what was there at the beginning; new ones get this.")
    if shown.closed:
        lines.append(f"Turned away, for it has nothing there: {', '.join(shown.closed)}.")
    return lines


def _warnings(bench: Bench, host: str, *, exposed: bool) -> list[str]:
    lines: list[str] = []
    if exposed:
        gets_in = "can log in with the user below" if bench.upstream is None else "gets there too"
        lines += [
            f"WARNING: {host} is reachable from other machines. Whoever connects {gets_in},",
            "and sees a certificate authority that is not a real one.",
            "",
        ]
    if bench.plan.shield is not None and bench.plan.shield.exact:
        lines += [
            "WARNING: these roots are called as the product's own. Nobody can tell them apart by",
            "name: remove them from the client when you are done. They end with this run.",
            "",
        ]
    if bench.upstream is not None and (names := bench.upstream.in_clear_at):
        lines += [
            f"WARNING: {', '.join(names)} without TLS: clients give passwords and mail in clear.",
            "Use an account that is only for tests. Leave out --plain.",
            "",
        ]
    if bench.upstream is not None and (servers := bench.upstream.exposed):
        lines += [
            f"WARNING: passwords and mail go to {servers[0].host} in clear: whoever is on the way",
            "can read them. Leave out /plain.",
            "",
        ]
    if bench.upstream is not None and bench.upstream.relay_unverified:
        lines += [
            "WARNING: passwords and mail are relayed even where the certificate of that server",
            "failed: whoever stands in for it can read them. Leave out --relay-unverified.",
            "",
        ]
    return lines


def _headline(bench: Bench) -> str:
    plan = bench.plan
    shield = f" behind the simulated {plan.shield.vendor.brand}" if plan.shield else ""
    if bench.upstream is not None:
        return f"Standing before {bench.upstream.host}{shield.replace(' behind', ' as', 1)}."
    return f"Serving {plan.scenario.id}{shield}: {plan.scenario.title}."


def _expectation(bench: Bench) -> str:
    if bench.upstream is not None:
        return "What the client should do depends on the certificate of that server."
    expected = bench.plan.expect("imaps")
    reasons = f" ({' or '.join(sorted(expected.reasons))})" if expected.reasons else ""
    root = "the root below" if bench.plan.shield is None else "the server's root only"
    return f"A correct client that trusts {root} {expected.level} {expected.verdict}{reasons}."


def _settings(bench: Bench, served: Mapping[str, Served]) -> list[str]:
    rows = [
        f"  {one.endpoint.protocol.upper():5} {bench.plan.name}  port {one.port:<5}  "
        f"{one.endpoint.dialog}"
        for one in served.values()
    ]
    if bench.upstream is not None:
        return ["In the account dialog, with the user and password of that server:", *rows]
    secret = f"  user {bench.user}   password {bench.password}"
    return ["In the account dialog:", *rows, secret]


def _roots(bench: Bench) -> list[str]:
    lines = []
    if bench.upstream is None:
        lines += _root("Root to import into the client:", bench.root_file, bench)
    return lines + antivirus_root(bench)


def antivirus_root(bench: Bench) -> list[str]:
    """Where the root of the antivirus is, for whoever imports it."""
    if bench.antivirus_root_file is None:
        return []
    return [
        *_root("The antivirus' own root:", bench.antivirus_root_file, bench),
        "  It can sign for any name: remove it from the client when you are done.",
    ]


def _root(label: str, file: Path, bench: Bench) -> list[str]:
    kept = bench.kept_in is not None and file.parent == bench.kept_in
    return [f"{label:32} {file}", *([] if kept else ["  It ends with this run."])]


def _hosts(bench: Bench, host: str) -> list[str]:
    name = bench.plan.name
    if name == host:
        return []
    if is_address(name):  # no hosts file leads from an address to another
        return [f"What the client sends to {name} must be led to {host} by a route or NAT.", ""]
    where = hosts.system_file()
    line = f"  {host} {name}"
    if bench.upstream is None or name != bench.upstream.host:
        return [f"The name must lead here; this line in {where}:", line, ""]
    return [
        "The name must lead the client here, and mitmail to the real server. With the client on",
        f"another machine, this line there in {where}:",
        line,
        "On this machine, with that line, name the server by its address:",
        f"  --name {name} --upstream {next(iter(bench.upstream.servers))}=ADDRESS",
        "",
    ]


def happening(
    bench: Bench | None,
    what: Happening,
    served: Served,
    number: int,
    session: Session,
    *,
    case: str | None = None,
    earlier: Earlier | None = None,
) -> str | None:
    """One line for what happened in a session, and one for what to try next.

    A session of a dialogue attack ends with one for its finding.
    ``case`` names the scenario where there are many. ``bench`` is None where the client had to
    choose one by name, and has not. ``earlier`` is what its client seems to have accepted before.
    """
    where = _where(served, session) if served.captured else ""
    who = f"{served.endpoint.name:5} {f'{case} ' if case else ''}session {number}{where}: "
    if what == "popup":
        return who + _asked(number, session)
    if what == "waiting":
        return who + _waiting(served, session)
    if what == "verdict" and session.verdict is not None:
        hints = [_hint(bench, served, session), earlier.words if earlier is not None else None]
        return "\n      ".join([f"{who}{_words(session.verdict)}", *filter(None, hints)])
    if what == "end" and session.finding is not None:
        return who + _found(session.finding)
    return None


def _asked(number: int, session: Session) -> str:
    shown = next(x for x in reversed(session.facts) if x.fact == "popup")
    words = f"the antivirus shows a pop-up: {shown.details['words']}"
    if not session.answers:
        return words
    return f"{words}\n      Answer it: mitmail answer {number} {'|'.join(session.answers)}"


def _where(served: Served, session: Session) -> str:
    name = session.hello.sni if session.hello is not None else None
    return f" to {served.host} port {served.port}" + (f" ({name})" if name else "")


def _found(finding: Finding) -> str:
    certainty = "" if finding.certainty == "sure" else ", suspected"
    words = f"{finding.finding}{certainty}: {finding.evidence}"
    if finding.finding == "aborted":
        words += "; whether it told its user, look at its screen"
    return words + (f"\n      It said: {finding.trace}" if finding.trace else "")


def _waiting(served: Served, session: Session) -> str:
    if (wrong := served.setting(session)) is not None:
        return f"waiting: {wrong.words}"
    return "waiting: the client has the certificate and is silent; a dialog may be open"


def _words(verdict: Verdict) -> str:
    reason = f" ({verdict.reason})" if verdict.reason else ""
    certainty = "" if verdict.certainty == "sure" else ", suspected"
    return f"{verdict.verdict}{reason}{certainty}: {verdict.evidence}"


def _hint(bench: Bench | None, served: Served, session: Session) -> str | None:
    assert session.verdict is not None
    if session.error:
        no_word = "This is no word about the client."
        return no_word if bench is None else f"{no_word} Look at the mail server."
    if (wrong := served.setting(session)) is not None:
        return f"{wrong.words[0].upper()}{wrong.words[1:]}."
    if bench is None:
        return None
    if session.verdict.verdict not in {"accept", "reject"} or bench.upstream is not None:
        return None
    if not session.passed_through:
        return _compared(bench, served, session.verdict)
    bare = replace(bench, plan=replace(bench.plan, shield=None))
    return f"Passed through by the antivirus. {_compared(bare, served, session.verdict)}"


def _compared(bench: Bench, served: Served, verdict: Verdict) -> str:
    name = served.endpoint.name
    expected = bench.plan.expect(name)
    if verdict.verdict == "accept" and expected.verdict == "reject":
        if bench.plan.shield and bench.plan.expect(name, BOTH).verdict == "accept":
            return "Right if it knows the antivirus' root; else look for a stored exception."
        if expected.level != "must":
            return f"The rule only says {expected.level}: many clients still accept this."
        return "A correct client refuses. Look for a stored exception, or checks switched off."
    if verdict.verdict == "reject":
        return _compared_reject(bench, name, expected, verdict.reason)
    return "As a correct client does."


def _compared_reject(bench: Bench, name: str, expected: Expectation, reason: str | None) -> str:
    if expected.verdict == "accept":
        return f"Nothing is wrong with this server. Has the client imported {bench.root_file}?"
    if reason is not None and reason not in expected.reasons:
        # A client that does not know the root refuses everything: that proves nothing.
        words = f"Not for what is wrong here: {' or '.join(sorted(expected.reasons))}."
        unknown = reason == "unknown-issuer"
        return words + (f" Has the client imported {bench.root_file}?" if unknown else "")
    if bench.plan.shield and bench.plan.expect(name, BOTH).verdict == "accept":
        return "Right unless it knows the antivirus' root."
    return "As a correct client does."
