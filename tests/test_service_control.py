"""The control: who has the token is answered, and nobody else; a request is one line."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # ships no types

from mitmail.errors import CannotJudgeError, MitmailError
from mitmail.service import control_file, remote
from mitmail.service.control import Control, Json
from mitmail.service.control_file import ControlFile
from mitmail.service.journal import Journal
from mitmail.service.remote import Remote
from mitmail.service.schema import DOCUMENTS
from mitmail.service.verbs import BY_NAME, of_journal

SECONDS = 20


async def echo(request: Json) -> Json:
    return {"said": request}


async def refuse(request: Json) -> Json:
    raise CannotJudgeError("port 3993 is taken")


async def break_down(request: Json) -> Json:
    raise KeyError("a mistake of ours")


VERBS = {"echo": echo, "refuse": refuse, "break": break_down}


def asking[T](ask: Callable[[ControlFile], Awaitable[T]], **verbs: Any) -> T:
    """What comes of it while a control listens."""

    async def run() -> T:
        control = Control(VERBS | verbs)
        opened = await control.open(0)
        try:
            async with asyncio.timeout(SECONDS):
                return await ask(opened)
        finally:
            await control.close()

    return asyncio.run(run())


async def raw(opened: ControlFile, octets: bytes) -> Any:
    """The answer to some octets, and that nothing follows it."""
    reader, writer = await asyncio.open_connection(opened.host, opened.port)
    writer.write(octets)
    answer, *rest = (await reader.read()).splitlines()
    writer.close()
    assert rest == []
    Draft202012Validator(DOCUMENTS["control-answer"]).validate(json.loads(answer))
    return json.loads(answer)


def request(opened: ControlFile, **changed: object) -> bytes:
    good = {"schema": 1, "token": opened.token, "verb": "ping"}
    return json.dumps(good | changed).encode() + b"\n"


def test_who_has_the_token_is_answered() -> None:
    answer = asking(lambda opened: Remote(Path("x"), opened).ask("echo", colour="red"))

    assert answer == {"schema": 1, "said": {"colour": "red"}}


def test_an_error_comes_back_as_the_error_that_it_is() -> None:
    with pytest.raises(CannotJudgeError, match="port 3993 is taken"):
        asking(lambda opened: Remote(Path("x"), opened).ask("refuse"))


def test_a_mistake_of_ours_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(CannotJudgeError, match="mitmail itself failed: KeyError"):
        asking(lambda opened: Remote(Path("x"), opened).ask("break"))
    assert "a mistake of ours" in caplog.text


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "another token": ({"token": "x"}, "the token is not that"),
    "a token that is no text": ({"token": ["x"]}, "the token is not that"),
    "a token outside ASCII": ({"token": "\N{SNOWMAN}\ud800"}, "the token is not that"),
    "no token": ({"token": None}, "the token is not that"),
    "another schema": ({"schema": 2}, '"schema": 1'),
    "an unknown verb": ({"verb": "ech"}, r"no verb 'ech' (did you mean 'echo'?)"),
    "a verb that is none": ({"verb": {}}, "no verb {}"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_request_is_refused_in_one_line(what: str) -> None:
    changed, words = WRONG[what]
    answer = asking(lambda opened: raw(opened, request(opened, **changed)))

    assert answer["exit_code"] == 2
    assert words in answer["error"]


def test_a_web_page_can_ask_nothing() -> None:
    """What a browser sends begins with a line of its own, also where a page chose the body."""
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\n"
    answer = asking(lambda opened: raw(opened, head + request(opened)))

    assert answer == {"schema": 1, "error": "a request is one line of JSON", "exit_code": 2}


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"[" * 70_000 + b"\n", "longer than 65536"),
        (b"[" * 60_000 + b"\n", "one line of JSON"),
        (b"\xff\xfe\n", "one line of JSON"),
        (b"[]\n", "a JSON object"),
        (b"\n", "one line of JSON"),
    ],
)
def test_octets_that_are_no_request_are_refused(octets: bytes, words: str) -> None:
    assert words in asking(lambda opened: raw(opened, octets))["error"]


def test_who_never_ends_its_line_does_not_keep_it_from_closing() -> None:
    async def close() -> bytes:
        control = Control(VERBS)
        opened = await control.open(0)
        reader, writer = await asyncio.open_connection(opened.host, opened.port)
        writer.write(b"{")
        await raw(opened, request(opened))  # by now the half line is there, too
        async with asyncio.timeout(2):
            await control.close()
            rest = await reader.read()
        writer.close()
        return rest

    assert asyncio.run(close()) == b""


# -- its file ----


FILE = ControlFile(host="127.0.0.1", port=9, token="x", pid=1, port_offset=0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"schema": 1, "host": "192.0.2.1", "port": 9, "token": "x", "pid": 1, '
         '"port_offset": null}', r"192\.0\.2\.1 is not this machine"),
        ('{"schema": 1, "host": "::1", "port": "9", "token": "x", "pid": 1, "port_offset": 0}',
         "not a control file"),
        ('{"schema": 1, "host": "::1", "port": 9}', "not a control file"),
        ('{"schema": 7}', "another version"),
        ("[]", "not a control file"),
        ("\0", "not a control file"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_named(content: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "control.json"
    file.write_text(content)

    with pytest.raises(MitmailError, match=rf"control\.json: .*{words}") as raised:
        control_file.read(file)
    assert raised.value.exit_code == 2


def test_a_file_says_again_what_was_written(tmp_path: Path) -> None:
    file = tmp_path / "run" / "serve-1-9.json"
    FILE.write(file)

    assert control_file.read(file) == FILE
    assert control_file.paths(tmp_path) == [file]
    control_file.remove(file)
    assert not file.parent.exists()


def test_another_process_on_the_port_of_a_killed_one_is_not_taken_for_it(tmp_path: Path) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK somebody's mail server\r\n")
        writer.close()

    async def look() -> None:
        async with await asyncio.start_server(greet, "127.0.0.1", 0) as other:
            port = other.sockets[0].getsockname()[1]
            file = tmp_path / "run" / "serve-1-9.json"
            ControlFile(host="127.0.0.1", port=port, token="x", pid=1, port_offset=0).write(file)
            with pytest.raises(CannotJudgeError, match="no mitmail serve is running"):
                await remote.find(tmp_path)
            assert not file.exists()

    asyncio.run(look())


# -- the verbs ----


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"after": "x"}, "after is not a number"),
        ({"after": True}, "after is not a number"),
        ({"seconds": -1}, "seconds is not a number"),
        ({"until": "dawn"}, "until is verdict or over"),
        ({"untl": "over"}, "sessions knows no 'untl'"),
    ],
)
def test_a_question_for_sessions_that_is_wrong_is_refused(
    said: dict[str, object], words: str
) -> None:
    with pytest.raises(MitmailError, match=words):
        asking(
            lambda opened: Remote(Path("x"), opened).ask("sessions", **said),
            **of_journal(Journal(), BY_NAME),
        )


def test_where_every_scenario_has_its_name_there_is_nothing_to_switch() -> None:
    with pytest.raises(MitmailError, match=r"connect to <id>\.mitmail\.test") as raised:
        asking(
            lambda opened: Remote(Path("x"), opened).ask("switch", scenario="expired"),
            **of_journal(Journal(), BY_NAME),
        )
    assert raised.value.exit_code == 2
