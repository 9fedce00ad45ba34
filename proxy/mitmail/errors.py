"""The one error that means: you can fix this."""


class MitmailError(Exception):
    """Something that the user can fix, said in one line.

    The command line prints the message without a traceback and leaves with ``exit_code``.
    """

    exit_code = 2


class CannotJudgeError(MitmailError):
    """The case could not be judged: a port is taken, the upstream is down, a client is missing."""

    exit_code = 3
