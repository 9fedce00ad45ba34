"""The wheel carries the code and every data file of the checkout, and it works by itself."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.long  # real programs, for many seconds: `make test` has five minutes

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("mitmail-*.whl"))


def files_in(folder: str, suffix: str) -> set[str]:
    base = ROOT / folder
    return {file.relative_to(base).as_posix() for file in base.rglob(f"*{suffix}")}


def test_the_wheel_holds_the_code_and_the_data_and_nothing_else(wheel: Path) -> None:
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    languages = (".py", ".mjs", ".go", ".html", ".css", ".js", ".java", ".pl", ".rb", ".yaml")
    code = {f"mitmail/{file}" for x in languages for file in files_in("proxy/mitmail", x)}
    code.add("mitmail/py.typed")
    kinds = (("scenarios", ".yaml"), ("scenarios", ".set"), ("certs", ".yaml"))
    data = {f"mitmail/data/{d}/{file}" for d, suffix in kinds for file in files_in(d, suffix)}
    assert shipped == code | data


def test_the_sdist_holds_what_the_tests_need(dist: Path) -> None:
    with tarfile.open(next(dist.glob("mitmail-*.tar.gz"))) as sdist:
        names = sdist.getnames()
    inside = {name.partition("/")[2] for name in names}

    assert {"pyproject.toml", "Makefile", "LICENSE", "tests/bench.py"} <= inside


def test_neither_holds_a_private_key(dist: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        opened = (sdist.extractfile(member) for member in sdist.getmembers())
        contents += [file.read() for file in opened if file is not None]

    assert not any(b"-----BEGIN " + b"PRIVATE KEY" in content for content in contents)


def test_the_wheel_runs_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    """Installed into an environment of its own, with the libraries of this one."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    scripts = "Scripts" if os.name == "nt" else "bin"
    site = next(home.rglob("site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    theirs = next(path for path in sys.path if path.endswith("site-packages"))
    # The libraries, but not the editable install: its .pth would lead back to the checkout.
    (site / "libraries.pth").write_text(f"import sys; sys.path.append({theirs!r})\n")

    def run(*args: str) -> str:
        command = [str(home / scripts / "python"), "-I", "-m", "mitmail", *args]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    assert "expired" in run("list")
    assert str(ROOT) not in run("show", "expired")
    assert run("lint") == "Nothing to mend.\n"
    assert str(ROOT) not in run("addon")
