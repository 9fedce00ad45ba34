"""Imports point one way, and the quick commands stay quick."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "proxy" / "mitmail"

# Each layer, and the layers it may use (design: imports point one way).
MAY_USE = {
    "shipped": set(),
    "errors": set(),
    "endpoint": {"errors"},
    "manner": set(),
    "conduct": set(),
    "fixup": set(),
    "hello": {"manner"},
    "interception": set(),
    "screening": set(),
    "pki": {"errors", "manner"},
    "message": set(),
    "wire": {"message"},
    "scenario": {"errors", "shipped"},
    "plan": {
        "errors", "conduct", "fixup", "hello", "interception", "manner", "pki", "scenario",
        "screening",
    },
    "engine": {
        "conduct", "fixup", "hello", "interception", "manner", "message", "screening", "wire",
    },
    "addon": {"errors", "engine", "interception", "screening"},
    "mailstore": {"errors", "message"},
    "service": {
        "errors", "endpoint", "conduct", "manner", "pki", "scenario", "plan", "engine", "addon",
        "mailstore",
    },
    "judge": {
        "errors", "endpoint", "conduct", "pki", "wire", "scenario", "plan", "engine", "addon",
        "mailstore", "service",
    },
    "diagnose": {
        "errors", "shipped", "endpoint", "hello", "manner", "pki", "wire", "scenario", "plan",
        "engine",
    },
    "trust": {"errors", "endpoint", "pki"},
    "machine": {"errors", "endpoint", "pki", "scenario", "addon", "service", "judge"},
    "cli": {
        "", "errors", "shipped", "endpoint", "pki", "scenario", "plan", "service", "judge",
        "diagnose", "trust", "machine",
    },
    "__main__": {"cli"},
    "__init__": set(),
}  # fmt: skip

# Who may use the heavy libraries, and what the sans-I/O layers must not know.
ONLY_IN = {
    "mitmproxy": {"addon"},
    "aiosmtpd": {"mailstore"},
    "click": {"cli"},
    "jinja2": {"judge"},
    "pytest": {"judge"},
    "pydantic": {"scenario"},
    "ruamel": {"scenario"},
    "OpenSSL": {"engine", "diagnose"},
    "rapidfuzz": {"diagnose"},
    "tlslite": {"engine", "pki"},
    "asyncio": {"addon", "mailstore", "service", "judge", "diagnose", "machine", "cli"},
    "dns": {"diagnose"},
    "socket": {"addon", "mailstore", "judge", "diagnose", "machine"},
}

EXEMPT = {
    "judge/shape.py": {
        "pydantic"
    },  # records come back from files, which anything may have damaged
    "service/script.py": {"mitmproxy"},  # loaded by mitmproxy itself, and sets a service up in it
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imported(module: Path) -> set[str]:
    """Every module name that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            assert node.module is not None
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_module_uses_only_the_layers_above_it(module: Path) -> None:
    ours = {tuple(name.split(".")) for name in imported(module) if name.startswith("mitmail")}
    used = {parts[1] if len(parts) > 1 else "" for parts in ours}
    known = set(MAY_USE) | {""}
    used = {name for name in used if name in known}

    allowed = MAY_USE[layer(module)] | {layer(module)}
    # `from mitmail import shipped` names the package too.
    assert used - {""} <= allowed, f"{module.name} uses {used - allowed}"


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_library_is_used_only_where_it_belongs(module: Path) -> None:
    roots = {name.split(".")[0] for name in imported(module)}

    strangers = {x for x in roots & set(ONLY_IN) if layer(module) not in ONLY_IN[x]}
    assert strangers == EXEMPT.get(module.relative_to(PACKAGE).as_posix(), set())


def test_the_table_names_every_layer() -> None:
    assert {layer(module) for module in modules()} == set(MAY_USE)


ONE = str(PACKAGE.parents[1] / "scenarios" / "validity" / "expired.yaml")
QUICK = [["--help"], ["list"], ["lint", ONE], ["show", "expired"], ["explain", "expired"]]


@pytest.mark.parametrize("command", QUICK)
def test_quick_commands_never_import_mitmproxy(command: list[str]) -> None:
    program = (
        "import sys; from mitmail.cli import main\n"
        f"sys.argv = ['mitmail', *{command!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('mitmproxy' in sys.modules)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert run.stdout.splitlines()[-1] == "False"
