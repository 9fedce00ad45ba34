"""Exit codes of programs that crashed."""

from typing import Final

# SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV; on Windows an access violation.
_SIGNALS: Final = (4, 6, 7, 8, 11)
# A shell that ran the program says 128 and the signal's number (POSIX, 2.8.2).
CRASHES: Final = frozenset({*(-x for x in _SIGNALS), *(128 + x for x in _SIGNALS), 0xC0000005})
# timeout, a program that a shell cannot run or find, and what was killed or asked to end.
NO_ANSWER: Final = CRASHES | {124, 126, 127, 128 + 9, 128 + 13, 128 + 15}
