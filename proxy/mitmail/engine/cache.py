"""Edited messages, kept for the next question about them."""

from collections import OrderedDict

from mitmail.engine.examination import Examined


class Cache:
    """Keeps so many octets of messages at most; of the others it knows the size."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: OrderedDict[int, Examined] = OrderedDict()
        self._octets = 0
        self.sizes: dict[int, int] = {}
        """The size of each edited message, by its number."""

    def keep(self, number: int, examined: Examined) -> None:
        """Keep a message, and let go of the ones that were asked for longest ago."""
        self.sizes[number] = len(examined.octets)
        self.forget(number)
        self._kept[number] = examined
        self._octets += len(examined.octets)
        while self._octets > self._room and self._kept:
            self.forget(next(iter(self._kept)))

    def find(self, number: int) -> Examined | None:
        """A message that is still here."""
        if number in self._kept:
            self._kept.move_to_end(number)
        return self._kept.get(number)

    def forget(self, number: int) -> None:
        """Let go of a message; its size stays known."""
        if (gone := self._kept.pop(number, None)) is not None:
            self._octets -= len(gone.octets)
