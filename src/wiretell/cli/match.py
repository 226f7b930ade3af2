"""`wiretell match`: a machine found again, in other captures and on other addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import click

from wiretell.cli.captures import split_arguments
from wiretell.cli.exit_code import ExitCode
from wiretell.cli.output import (
    STDOUT,
    ReportCommand,
    refuse_targets,
    shown_options,
    write_places,
)
from wiretell.cli.profiles import profile_key_option, read_profiles
from wiretell.stats.drift import OBSERVER_PPM, WALK_PPM_PER_SQRT_H, WANDER_PPM

if TYPE_CHECKING:
    from wiretell.model.profiles import ProfileSet

MATCH, SIBLINGS, ALIASES, LINK_BACK = "match", "siblings", "aliases", "link-back"


@click.command("match", cls=ReportCommand)
@click.argument("arguments", nargs=-1, metavar="A B... | CAPTURE...")
@click.option(
    "--siblings", is_flag=True, help="IPv4 and IPv6 addresses of one machine, in one capture."
)
@click.option("--aliases", is_flag=True, help="Addresses that share one clock, in one capture.")
@click.option(
    "--link-back",
    is_flag=True,
    help="A is a reference, B an anonymised trace: which of its hosts can be linked to A's?",
)
@click.option("--servers", is_flag=True, help="Compare servers too, not only clients.")
@click.option("--filter", "expression", metavar="EXPR", help="Read only what tcpdump's EXPR takes.")
@click.option(
    "--drift-ppm",
    type=click.FloatRange(min=0.0),
    default=WALK_PPM_PER_SQRT_H,
    show_default=True,
    help="How far a free clock's rate walks, per square root of an hour.",
)
@click.option(
    "--wander-ppm",
    type=click.FloatRange(min=0.0),
    default=WANDER_PPM,
    show_default=True,
    help="How far temperature moves a free clock's rate.",
)
@click.option(
    "--observer-ppm",
    type=click.FloatRange(min=0.0),
    default=OBSERVER_PPM,
    show_default=True,
    help="How far the clocks that captured A and B may be apart.",
)
@profile_key_option
@click.option("--json", "json_file", metavar="[FILE]", help="One JSON document.")
@click.option("--csv", "csv_file", metavar="[FILE]", help="One row per machine.")
@click.option("-q", "--quiet", is_flag=True, help="No text, no progress, no notes.")
@click.option("-v", "--verbose", is_flag=True, help="Every argument, every machine not found.")
@click.option("--no-color", is_flag=True, help="No colour (as NO_COLOR).")
@click.pass_context
def command(ctx: click.Context, /, arguments: tuple[str, ...], **given: Any) -> None:
    """Find a machine again: across captures, addresses, IPv4 and IPv6, access networks.

    A and B are captures, saved reports, or files of `wiretell devices --save-profiles`. Every
    two of them are compared; captures after --siblings or --aliases are read as one.

    Exit codes: 0 done; 1 done, but input was damaged; 2 usage; 4 no permission; 130 interrupted.
    """
    asked = _asked(given)
    captures, words = split_arguments(arguments, (), folders=False)
    if words is not None:
        raise click.UsageError(f"no such capture: {words.split()[0]} (a filter follows --filter)")
    places = [given[key] for key in ("json_file", "csv_file") if given[key]]
    if len(set(places)) < len(places):
        raise click.UsageError("two results cannot go to the same place; name a file for one")
    refuse_targets(places, captures)
    needed = {MATCH: "two or more captures", LINK_BACK: "a reference and a trace"}
    if asked in needed and (len(captures) < 2 or (asked == LINK_BACK and len(captures) > 2)):
        raise click.UsageError(f"name {needed[asked]}")
    ctx.exit(_run(asked, captures, given))


def _asked(given: dict[str, Any]) -> str:
    flags = {SIBLINGS: "siblings", ALIASES: "aliases", LINK_BACK: "link_back"}
    asked = [name for name, key in flags.items() if given[key]]
    if len(asked) > 1:
        raise click.UsageError(f"--{asked[0]} and --{asked[1]} ask different questions; give one")
    return asked[0] if asked else MATCH


def _run(asked: str, captures: Sequence[str], given: dict[str, Any]) -> ExitCode:
    from wiretell.exporters.escape import visible

    together = asked in (SIBLINGS, ALIASES)
    read: list[ProfileSet] = [
        read_profiles(
            each,
            filter=given["expression"],
            key=given["profile_key"],
            quiet=given["quiet"],
            servers=together or given["servers"],
        )
        for each in ([list(captures)] if together else [[capture] for capture in captures])
    ]
    if not together and not given["servers"]:
        read = [_clients(each) for each in read]
    try:
        found = _found(asked, read, given)
    except ValueError as error:
        raise click.ClickException(visible(str(error))) from error
    code = _write(found, asked, given)
    if code is not ExitCode.DONE:
        return code
    return ExitCode.DAMAGED if any(each.damaged for each in read) else ExitCode.DONE


def _clients(of_set: ProfileSet) -> ProfileSet:
    """Machines that open connections; where there is none, all."""
    own = tuple(p for p in of_set.profiles if p.role != "server")
    servers = tuple(p for p in of_set.profiles if p.role == "server")
    return replace(of_set, profiles=own, others=(*of_set.others, *servers)) if own else of_set


def _found(asked: str, read: Sequence[ProfileSet], given: dict[str, Any]) -> Any:
    from wiretell.findings.match.across import match
    from wiretell.findings.match.aliases import aliases
    from wiretell.findings.match.link_back import link_back
    from wiretell.findings.match.siblings import siblings
    from wiretell.stats.drift import DriftModel

    drift = DriftModel(given["drift_ppm"], given["wander_ppm"], given["observer_ppm"])
    if asked == ALIASES:
        return aliases(read[0], drift)
    if asked == SIBLINGS:
        return [siblings(read[0], drift)]
    if asked == LINK_BACK:
        return link_back(read[0], read[1], drift)
    return [match(a, b, drift) for a, b in combinations(read, 2)]


def _write(found: Any, asked: str, given: dict[str, Any]) -> ExitCode:
    from wiretell.exporters import match_csv, match_json, match_text

    options = replace(shown_options(no_color=given["no_color"]), verbose=given["verbose"])
    writes: list[tuple[str, Callable[[Any], None]]] = []
    if given["json_file"]:
        writes.append((given["json_file"], lambda target: match_json.write(found, target, asked)))
    if given["csv_file"]:
        writes.append((given["csv_file"], lambda target: match_csv.write(found, target)))
    if not given["quiet"] and STDOUT not in [place for place, _ in writes]:
        writes.append((STDOUT, lambda target: match_text.write(found, target, options, asked)))
    is_written = write_places(writes, quiet=given["quiet"])
    return ExitCode.DONE if is_written else ExitCode.OUTPUT_CLOSED
