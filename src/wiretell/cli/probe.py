"""`wiretell probe`: asks hosts for their clocks, where one may."""

from __future__ import annotations

import errno
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from wiretell.cli.exit_code import ExitCode
from wiretell.cli.output import STDOUT, ReportCommand, shown_options, write_places
from wiretell.exporter import Options, Target

if TYPE_CHECKING:
    from wiretell.model.probe import ProbeReport
    from wiretell.sources.prober import Probed

PORTS = (443, 80, 22)
MOST_RATE, MOST_TOTAL_RATE = 20.0, 200.0
"""Requests per second: to one host, and to all together."""
MOST_S = 3600.0
_SAY_EVERY_NS = 1_000_000_000


@click.command("probe", cls=ReportCommand)
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option(
    "--i-may-probe",
    "may_probe",
    is_flag=True,
    help="Needed: you own these hosts, or their owner has allowed it.",
)
@click.option(
    "--method",
    type=click.Choice(["icmp", "tcp"]),
    default="icmp",
    show_default=True,
    help="ICMP timestamps (the system's clock), or TCP timestamps of a listening service.",
)
@click.option(
    "--port",
    "ports",
    type=click.IntRange(1, 65535),
    multiple=True,
    help=f"Service to ask by TCP (repeatable; default: {', '.join(map(str, PORTS))},"
    " the first that answers).",
)
@click.option(
    "--precision",
    "precision_ppm",
    type=click.FloatRange(0.01, 1000.0),
    default=1.0,
    show_default=True,
    metavar="PPM",
    help="Stop when the skew is known so well (95 %).",
)
@click.option(
    "--for",
    "for_s",
    type=click.FloatRange(1.0, MOST_S),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help=f"Stop in any case ({MOST_S:g} at most).",
)
@click.option(
    "--rate",
    "rate_per_s",
    type=click.FloatRange(0.1, MOST_RATE),
    default=4.0,
    show_default=True,
    metavar="N",
    help=f"Requests per second to one host, at most ({MOST_RATE:g}; all together"
    f" {MOST_TOTAL_RATE:g}).",
)
@click.option("--json", "json_file", metavar="[FILE]", help="One JSON document.")
@click.option("--csv", "csv_file", metavar="[FILE]", help="One row per host.")
@click.option("-q", "--quiet", is_flag=True, help="No table, no progress, no notes.")
@click.option("--no-color", is_flag=True, help="No colour (as NO_COLOR).")
@click.pass_context
def command(ctx: click.Context, /, hosts: tuple[str, ...], **given: Any) -> None:
    """Measure the clocks of hosts that you may probe: rate, skew, and how sure that is.

    HOST is an address, a name or a small range (192.0.2.0/28; 256 addresses at most). Requests
    are timed so that they meet the ticks of the remote clock, few are sent, every packet is
    counted, and it ends by itself: Ctrl-C ends it at once with what was measured.

    Exit codes: 0 done; 1 done, but a host gave no rate; 2 usage; 4 no permission; 130 interrupted.
    """
    if not given["may_probe"]:
        raise click.UsageError(
            "this sends packets to other people's computers unless they are yours; say"
            " --i-may-probe if you own these hosts or their owner has allowed it"
        )
    if given["ports"] and given["method"] != "tcp":
        raise click.UsageError("--port is for --method tcp")
    places = [given[key] for key in ("json_file", "csv_file") if given[key]]
    if len(set(places)) < len(places):
        raise click.UsageError("two results cannot go to the same place; name a file for one")
    addresses = _addresses(hosts)
    if given["method"] == "icmp" and any(":" in address for address in addresses):
        raise click.UsageError("ICMP timestamps are of IPv4 alone; ask by --method tcp")
    ctx.exit(_probe(addresses, given))


def _addresses(hosts: Sequence[str]) -> list[str]:
    from wiretell.probing.targets import addresses_of
    from wiretell.sources.names import address_of

    try:
        return addresses_of([address_of(host) for host in hosts])
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _probe(addresses: Sequence[str], given: dict[str, Any]) -> ExitCode:
    from wiretell.probing.report import Outcome, report
    from wiretell.sources.prober import run

    quiet = given["quiet"]
    try:
        probed = _prepared(addresses, given)
    except PermissionError:
        words = shlex.join(["sudo", "wiretell", *sys.argv[1:]])
        click.echo(f"wiretell: raw sockets need root or CAP_NET_RAW; run it as: {words}", err=True)
        return ExitCode.NO_PERMISSION
    with _interruptible() as interrupted:
        run(probed, _teller(probed, quiet=quiet), interrupted)
    epoch_ns = time.time_ns() - time.monotonic_ns()
    outcomes = [
        Outcome(
            each.channel.address,
            given["method"],
            each.channel.port,
            each.sampler,
            each.channel.sent,
        )
        for each in probed
    ]
    told = report(outcomes, epoch_ns)
    code = _write(told, given)
    if code is not ExitCode.DONE:
        return code
    if interrupted():
        return ExitCode.INTERRUPTED
    return ExitCode.DAMAGED if told.clocks["rate_hz"].has_nulls() else ExitCode.DONE


def _prepared(addresses: Sequence[str], given: dict[str, Any]) -> list[Probed]:
    """Sockets and samplers of all hosts; nothing is sent yet. Raises PermissionError."""
    from wiretell.probing.sampler import Sampler, Settings
    from wiretell.sources.probe_channel import Channel, IcmpChannel
    from wiretell.sources.probe_socket import monotonic_ns
    from wiretell.sources.probe_tcp import TcpChannel
    from wiretell.sources.prober import Probed

    rate = min(given["rate_per_s"], MOST_TOTAL_RATE / len(addresses))
    probed: list[Probed] = []
    is_tcp = given["method"] == "tcp"
    try:
        for number, address in enumerate(addresses):
            made: Channel
            if is_tcp:
                made = TcpChannel(address, given["ports"] or PORTS)
                modulus, nominal_hz = TcpChannel.modulus, None
            else:
                made = IcmpChannel(address, number)
                modulus, nominal_hz = IcmpChannel.modulus, IcmpChannel.nominal_hz
            settings = Settings(
                given["precision_ppm"], given["for_s"], rate, modulus, nominal_hz, is_tcp
            )
            probed.append(Probed(made, Sampler(settings, monotonic_ns())))
    except OSError as error:
        for each in probed:
            each.channel.close()
        if error.errno == errno.EPERM:
            raise
        is_broadcast = error.errno == errno.EACCES
        why = "not the address of one host" if is_broadcast else error.strerror
        raise click.ClickException(f"{address}: {why}") from error
    if not given["quiet"]:
        _announce(addresses, rate, given)
    return probed


def _announce(addresses: Sequence[str], rate: float, given: dict[str, Any]) -> None:
    if rate < given["rate_per_s"]:
        click.echo(f"wiretell: {len(addresses)} hosts: {rate:.2g} requests/s to each", err=True)
    n = f"{len(addresses)} hosts" if len(addresses) > 1 else addresses[0]
    click.echo(
        f"probing {n} by {given['method'].upper()}: at most {rate:.2g} requests/s"
        f" to one host for at most {given['for_s']:g} s; Ctrl-C ends it",
        err=True,
    )


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """While the block runs, Ctrl-C is noted; the function says whether it came."""
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, before)


def _teller(probed: Sequence[Probed], *, quiet: bool) -> Callable[[int], None]:
    """Tells on a terminal once a second how far it is."""
    if quiet or not sys.stderr.isatty():
        return lambda _: None
    began_ns: list[int] = []
    told_ns = [0]

    def tell(now_ns: int) -> None:
        began_ns.append(now_ns) if not began_ns else None
        if now_ns - told_ns[0] < _SAY_EVERY_NS:
            return
        told_ns[0] = now_ns
        n_sent = sum(sum(each.channel.sent.values()) for each in probed)
        n_answered = sum(each.sampler.n_answered for each in probed)
        n_left = sum(each.sampler.stopped is None for each in probed)
        best = [each.sampler.estimate for each in probed if each.sampler.estimate]
        said = f"{(now_ns - began_ns[0]) / 1e9:4.0f} s  {n_sent} sent, {n_answered} answered"
        if len(probed) > 1:
            said += f", {n_left} hosts to go"
        elif best:
            said += f"  {best[0].skew_ppm:+.2f} ±{2 * best[0].se_ppm:.2f} ppm"
        click.echo(f"\r\033[K{said}", nl=False, err=True)

    return tell


def _write(told: ProbeReport, given: dict[str, Any]) -> ExitCode:
    from wiretell.exporters import probe_csv, probe_json, probe_text

    options: Options = shown_options(no_color=given["no_color"])
    if not given["quiet"] and sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)
    writes: list[tuple[str, Callable[[Target], None]]] = []
    if given["json_file"]:
        writes.append((given["json_file"], lambda target: probe_json.write(told, target)))
    if given["csv_file"]:
        writes.append((given["csv_file"], lambda target: probe_csv.write(told, target)))
    if not given["quiet"] and STDOUT not in [place for place, _ in writes]:
        writes.append((STDOUT, lambda target: probe_text.write(told, target, options)))
    is_written = write_places(writes, quiet=given["quiet"])
    return ExitCode.DONE if is_written else ExitCode.OUTPUT_CLOSED
