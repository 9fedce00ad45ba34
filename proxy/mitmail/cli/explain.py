"""``mitmail explain``: from an error's text to its cause, to see it here, and what mends it."""

import json
import sys
from collections.abc import Sequence

import click

NOT_KNOWN = 1
STDIN = ("-",)


@click.command("explain", context_settings={"ignore_unknown_options": True})
@click.argument("text", nargs=-1, type=click.UNPROCESSED, metavar="TEXT...|-")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.option("--markdown", is_flag=True, help="All that is known, as a page in Markdown.")
def explain_command(text: Sequence[str], *, as_json: bool, markdown: bool) -> None:
    """Explain an error: its text, its code, or the issuer's name in a certificate.

    The text may be a whole log; "-", or a pipe, reads it from standard input. English texts are
    known. Ends with 0 when the text is known, with 1 when it is not.

    \b
    mitmail explain SEC_ERROR_UNKNOWN_ISSUER
    mitmail explain 0x800CCC1A
    mitmail explain "the target principal name is incorrect"
    mitmail explain Norton Web/Mail Shield Root
    mitmail explain - < mail.log
    """
    if markdown:
        if text or as_json:
            raise click.UsageError(
                "--markdown writes all that is known: leave out TEXT and --json"
            )
        _page()
        return
    from mitmail.cli import explained
    from mitmail.diagnose.explanation import Explainer

    found = Explainer.shipped().explain(_read(text))
    if as_json:
        click.echo(json.dumps(explained.document(found), indent=1))
    else:
        click.echo(explained.text(found))
    sys.exit(0 if found.answers else NOT_KNOWN)


def _page() -> None:
    from mitmail.cli import causes
    from mitmail.scenario import loader

    speakers = [loader.load_speaker(file) for file in loader.speaker_files().values()]
    found = (loader.load_cause(file) for file in loader.cause_files().values())
    click.echo(causes.page(found, speakers), nl=False)


def _read(text: Sequence[str]) -> str:
    from mitmail.diagnose import wording
    from mitmail.diagnose.explanation import LONGEST

    if text and tuple(text) != STDIN:
        return " ".join(text)
    if not text and sys.stdin.isatty():
        raise click.UsageError("type the error's text behind the command, or - and then paste it")
    # Four octets at most for a character, and one more character tells that there are more.
    return wording.decoded(sys.stdin.buffer.read(4 * LONGEST + 4))
