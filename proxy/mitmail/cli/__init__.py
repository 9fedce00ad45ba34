"""The command line. Each command imports what it needs when it runs: ``--help`` stays quick."""

import errno
import os
import signal
import sys

import click

from mitmail import __version__
from mitmail.cli.answer import answer_command
from mitmail.cli.author import lint_command, schema_command
from mitmail.cli.browse import list_command
from mitmail.cli.ca import ca_group
from mitmail.cli.check import check_command
from mitmail.cli.cleanup import cleanup_command
from mitmail.cli.clone import clone_command
from mitmail.cli.compare import compare_command
from mitmail.cli.demo import demo_command
from mitmail.cli.diff import diff_command
from mitmail.cli.doctor import doctor_command
from mitmail.cli.exec import exec_command
from mitmail.cli.explain import explain_command
from mitmail.cli.judge import judge_command
from mitmail.cli.merge import merge_command
from mitmail.cli.new import new_command
from mitmail.cli.report import report_command
from mitmail.cli.serve import addon_command, serve_command
from mitmail.cli.show import show_command
from mitmail.cli.switch import switch_command
from mitmail.cli.trust import trust_group
from mitmail.cli.untrust import uninstall_command
from mitmail.errors import MitmailError

EXAMPLES = """\b
mitmail demo                             what the mail clients on this machine do, in a table
mitmail serve expired                    a mail server whose certificate has expired
mitmail serve --antivirus norton         a good server, behind a simulated Norton
mitmail switch healthy                   another scenario in a running serve, same ports
mitmail compare --antivirus norton       is it the antivirus, or the account?
mitmail judge                            every client here, in the cases that matter most
mitmail explain SEC_ERROR_UNKNOWN_ISSUER what an error means, and the case that shows it
mitmail check --chain chain.pem          what is wrong with a customer's certificates
mitmail list                             every scenario, one line each
mitmail show hosting-wildcard            one scenario, explained
mitmail doctor                           what works here, and what installs the rest
"""

INTERRUPTED = 128 + signal.SIGINT
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Somebody said `mitmail list | head`: nothing to add, and nobody to add it for. Click
            # itself would end with 1, which is ours for an expectation that was not met.
            _no_more_output()
            return 0


def _no_more_output() -> None:
    """Have nothing fail that is still to be printed, at the latest when this process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "MITMAIL"},
    help=f"badssl.com for mail, with an antivirus in the middle.\n\n{EXAMPLES}",
    no_args_is_help=True,
)
# CI images set MITMAIL_VERSION to what they installed: it is not for us.
@click.version_option(__version__, package_name="mitmail", allow_from_autoenv=False)
def cli() -> None:
    """Hold the commands together."""


for command in (
    list_command, show_command, serve_command, demo_command, new_command, lint_command,
    schema_command, switch_command, compare_command, answer_command, exec_command,
    judge_command, merge_command, report_command, diff_command, explain_command, check_command,
    clone_command, doctor_command, ca_group, trust_group, cleanup_command, addon_command,
):  # fmt: skip
    cli.add_command(command)


trust_group.add_command(uninstall_command)


def main() -> None:
    """Run the ``mitmail`` command.

    What a user can fix is one line on standard error and exit code 2 or 3; anything else keeps
    its traceback.
    """
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except OSError as error:
        # Of what is printed: files that are written have names, and words of their own.
        if error.errno not in FULL or error.filename is not None:
            raise
        _no_more_output()
        click.echo(f"ERROR: cannot write the output: {error.strerror}", err=True)
        sys.exit(MitmailError.exit_code)
    except MitmailError as error:
        # Problems of files begin with file:line:col, where editors look for it.
        in_files = hasattr(error, "errors")
        click.echo(str(error) if in_files else f"ERROR: {error}", err=True)
        sys.exit(error.exit_code)
    sys.exit(code or 0)
