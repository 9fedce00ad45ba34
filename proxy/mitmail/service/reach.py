"""Within reach: the control of a run is opened, and its file lies where it is looked for."""

import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from mitmail.errors import MitmailError
from mitmail.pki.store import data_folder
from mitmail.service import control_file
from mitmail.service.control import Control, Verb
from mitmail.service.orders import Orders
from mitmail.service.remote import Remote


async def reach(
    verbs: Mapping[str, Verb], orders: Orders, folder: Path, stack: AsyncExitStack
) -> Remote:
    """Let a run be asked; ``stack`` ends that. ``folder`` ends with the run.

    Raises MitmailError when the file cannot be written.
    """
    control = Control(verbs)
    opened = await control.open(None if orders.ready_json else orders.port_offset)
    stack.push_async_callback(control.close)
    own = folder / "control.json"
    if orders.ready_json:  # its program is told; nobody else shall come upon it by chance
        opened.write(own)
        return Remote(own, opened)
    data = data_folder(os.environ, sys.platform)
    kept = data / control_file.FOLDER / f"serve-{opened.pid}-{opened.port}.json"
    try:
        opened.write(kept)
    except MitmailError:
        if not orders.ephemeral:
            raise
        opened.write(own)  # such a run does without a data folder
        return Remote(own, opened)
    stack.callback(control_file.remove, kept)
    return Remote(kept, opened)
