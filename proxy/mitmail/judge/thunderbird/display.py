"""A display that nobody sees: Xvfb, which keeps its picture in a file, and PNG made of it."""

import struct
import tempfile
import time
import zlib
from pathlib import Path

from mitmail.errors import CannotJudgeError
from mitmail.judge.thunderbird.kept import GoneError, Kept

SIZE = (1024, 768)
START = 15.0  # seconds
# The file is an X window dump: numbers of 32 bits, most significant first, then the pixels.
WORDS = 25
HEADER_SIZE, VERSION, WIDTH, HEIGHT, BITS, LINE, COLOURS = 0, 1, 4, 5, 11, 12, 19
XWD, COLOUR_SIZE = 7, 12


class Display:
    """An X server of its own: ``name`` is what programs are told, ``frame`` its picture."""

    def __init__(self, path: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mitmail-display-"))
        size = "{}x{}x24".format(*SIZE)
        command = [path, "-displayfd", "1", "-screen", "0", size, "-nolisten", "tcp"]
        self._server = Kept([*command, "-fbdir", str(self._folder)], self._folder, {})
        self.frame = self._folder / "Xvfb_screen0"
        try:
            self.name = f":{int(self._server.line(time.monotonic() + START))}"
        except (GoneError, TimeoutError, ValueError) as error:
            self._server.end()
            said = str(error) or f"nothing in {START:.0f} s"
            raise CannotJudgeError(
                f"{path} shows no display ({said}): try it by hand, {path} -displayfd 1"
            ) from None
        except BaseException:
            self._server.end()
            raise

    def end(self) -> None:
        """End the server; its folder goes with it."""
        self._server.end()


def png(dump: bytes) -> bytes:
    """An X window dump of 32 bits a pixel as PNG; ValueError for another file."""
    words = struct.unpack_from(f">{WORDS}I", dump)
    width, height, line = words[WIDTH], words[HEIGHT], words[LINE]
    if (words[VERSION], words[BITS]) != (XWD, 32):
        raise ValueError("no X window dump of 32 bits a pixel")
    start = words[HEADER_SIZE] + COLOUR_SIZE * words[COLOURS]
    pixels = dump[start : start + line * height]
    if len(pixels) < line * height:
        raise ValueError("the X window dump is cut off")
    rows = bytearray()
    for row in range(height):
        # Xvfb writes them as this machine keeps them: blue, green, red, nothing.
        dots = pixels[row * line : row * line + 4 * width]
        colours = bytearray(3 * width)
        colours[0::3], colours[1::3], colours[2::3] = dots[2::4], dots[1::4], dots[0::4]
        rows += b"\0" + colours
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
