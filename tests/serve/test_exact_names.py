"""Roots that are called as the product's own: only when asked for, and never kept."""

from pathlib import Path

from serve.program import mitmail
from serve.serving import ForPerson, ForProgram
from serve.switching import switched
from serve.tls_client import chain, openssl

NORTON = ("--antivirus", "norton")


def kept(home: Path) -> set[str]:
    """What is left of the product's in the data folder."""
    return {file.name for file in home.rglob("*") if "norton" in file.name}


def test_served_roots_have_exact_names_and_end_with_the_run(tmp_path: Path) -> None:
    with ForPerson(tmp_path, *NORTON, "--exact-names") as serving:
        welcome = serving.wait()
        leaf, root = chain(serving.places["imaps"])

    for one in (leaf, root):
        issuer = openssl("x509", "-noout", "-issuer", give=one)
        assert issuer.rstrip().endswith("CN = Norton Web/Mail Shield Root")
    assert "WARNING: these roots are called as the product's own." in welcome
    assert kept(tmp_path) == set()


def test_without_asking_the_names_say_simulated_and_nobody_is_warned(tmp_path: Path) -> None:
    with ForPerson(tmp_path, *NORTON) as serving:
        welcome = serving.wait()
        leaf, _ = chain(serving.places["imaps"])

    assert "Shield Root (simulated)" in openssl("x509", "-noout", "-issuer", give=leaf)
    assert "product's own" not in welcome
    assert "norton-trusted-root.key" in kept(tmp_path)


def test_the_antivirus_goes_and_comes_back_with_the_root_that_was_imported(tmp_path: Path) -> None:
    with ForProgram(tmp_path, "healthy", *NORTON, "--exact-names") as serving:
        own = Path(serving.ready["antivirus_root_file"])
        imported = own.read_bytes()
        off = switched(serving, antivirus="off")
        on = switched(serving, antivirus="norton")
        back = own.read_bytes()
        reinstalled = switched(serving, reinstall=True)

    assert off["antivirus"] == "none"
    assert back == imported
    assert (on["new_antivirus_root"], reinstalled["new_antivirus_root"]) == (False, True)


def test_an_exported_root_with_an_exact_name_leaves_no_key(tmp_path: Path) -> None:
    ended = mitmail("ca", "export", "norton", "--exact-names", home=tmp_path, cwd=tmp_path)

    subject = openssl(
        "x509", "-inform", "DER", "-noout", "-subject", "-in", str(tmp_path / "wscert.der")
    )
    assert subject.rstrip().endswith("CN = Norton Web/Mail Shield Root")
    assert "Its key was thrown away" in ended.stdout
    assert kept(tmp_path) == set()


def test_exact_names_are_for_an_antivirus(tmp_path: Path) -> None:
    for command in (["serve", "--exact-names"], ["ca", "export", "--exact-names"]):
        ended = mitmail(*command, home=tmp_path, cwd=tmp_path)

        assert ended.returncode == 2
        assert ended.stderr.startswith("ERROR: --exact-names is for an antivirus")
