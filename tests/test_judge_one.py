"""One client in one case: what it says of itself is for every eye."""

import asyncio
import base64
from pathlib import Path

from bench import need
from mitmail.endpoint import ENDPOINTS
from mitmail.judge import driver, one
from mitmail.service.orders import USER

THEIRS = "hunter2-Kd93hQz2Lm"
INDISCREET = f"""\
printf %s "$MITMAIL_PASSWORD" >{{file}}
echo "a1 LOGIN $MITMAIL_USER $MITMAIL_PASSWORD"
printf '\\0%s\\0%s' "$MITMAIL_USER" "$MITMAIL_PASSWORD" | base64
echo "sent $MITMAIL_PASSWORD" >&2
echo "imap://me:{THEIRS}@mail.example.test, and then {THEIRS} again"
exit 9
"""


def test_no_password_is_told_of_a_client_that_prints_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    client = driver.command([need("sh"), "-c", INDISCREET.format(file=file)])
    cases = one.cases(one.Question(scenario="healthy"))

    (cell,) = asyncio.run(one.answers(client, cases, ENDPOINTS["imaps"]))

    told, password = cell.said.text, file.read_text()
    response = base64.b64encode(f"\0{USER}\0{password}".encode()).decode()
    assert len(password) >= 12
    assert [x for x in (password, THEIRS, response) if x in told] == []
    first, _, *rest = told.splitlines()
    assert [first, *rest] == [
        "a1 LOGIN ***", "imap://me:***@mail.example.test, and then *** again", "sent ***",
    ]  # fmt: skip
