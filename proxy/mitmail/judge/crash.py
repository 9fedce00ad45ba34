"""Exit codes of programs that crashed."""

from typing import Final

# SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV; on Windows an access violation.
CRASHES: Final = frozenset({-4, -6, -7, -8, -11, 0xC0000005})
