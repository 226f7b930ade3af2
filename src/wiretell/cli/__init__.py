"""The command `wiretell`: one module per sub-command, imported when it is run."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from wiretell.cli.exit_code import ExitCode
from wiretell.errors import CaptureError, ConfigError

COMMANDS = {
    "clocks": "Measure clocks: rate, skew with its error, wander, steps, boot time.",
    "devices": "Tell which machines are behind each address, and why.",
    "explain": "Explain a connection packet by packet, and why a packet is INVALID.",
    "explore": "See the machines on a page of your browser, and correct them.",
    "flows": "List connections with their states; send them as NetFlow, IPFIX, Zeek logs.",
    "match": "Find a machine again: in other captures, on other addresses, in an anonymised trace.",
    "plot": "Draw a column of every packet against time, coloured by machine or anything.",
    "probe": "Measure the clocks of hosts that you may probe.",
    "scans": "Tell who scans whom, and who is really behind it: idle scans, decoys, sweeps.",
    "show": "Show a saved report again, without the capture.",
}
"""Sub-commands and what they do; each is the command `command` of the module of its name."""
COLLECT_AFTER = 50_000
"""New objects before cycles among them are looked for: modules make many objects and no waste."""


class _Commands(click.Group):
    """A group that imports a sub-command only when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"wiretell.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"wiretell {version('wiretell')}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
def command() -> None:
    """Tell apart the physical machines behind an address, from captured traffic."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs `wiretell` and exits with a code of `ExitCode`; tracebacks are for faults of ours.

    Without `arguments` it is the program itself, whose memory is its own to look after.
    """
    if arguments is None:
        gc.set_threshold(COLLECT_AFTER)
    try:
        code = command.main(arguments, prog_name="wiretell", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("wiretell: interrupted", err=True)
        code = ExitCode.INTERRUPTED
    except (ConfigError, CaptureError) as error:
        _complain(str(error))
        code = ExitCode.USAGE
    except PermissionError as error:
        _complain(f"{error.filename}: no permission; make it readable (chmod u+r) or use sudo")
        code = ExitCode.NO_PERMISSION
    except OSError as error:
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        code = ExitCode.USAGE if isinstance(error, FileNotFoundError) else ExitCode.DAMAGED
    if arguments is None:
        gc.freeze()  # all of it ends with the process: to look for cycles in it is a waste of time
    sys.exit(code)


def _complain(message: str) -> None:
    from wiretell.exporters.escape import visible

    click.echo(f"wiretell: {visible(message)}", err=True)
