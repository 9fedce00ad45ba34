"""``mitmail answer``: what a person before the antivirus' pop-up would click."""

from pathlib import Path

import click

from mitmail.cli.running import find, running_options


@click.command("answer")
@click.argument("session", type=click.IntRange(min=1))
@click.argument("word")
@running_options
def answer_command(session: int, word: str, offset: int | None, control: Path | None) -> None:
    """Answer the pop-up that the antivirus shows in a session of a running mitmail serve.

    WORD is block, pass-through, or what the product offers besides.

    \b
    mitmail answer 3 block
    """
    import asyncio

    async def ask() -> None:
        remote = await find(control, offset)
        await remote.ask("answer", session=session, word=word)

    asyncio.run(ask())
    click.echo(f"Session {session}: {word}.")
