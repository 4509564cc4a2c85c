"""The command cluster: this machine as a host of a cluster, or as its head."""

import asyncio
import os
from pathlib import Path

import click

from ampsm_engine.cli import diagnostics, output, parameters
from ampsm_engine.cli.root import Command, Group
from ampsm_engine.errors import Failed


@click.group(cls=Group, short_help="Lend this machine to batches of others.")
def cluster_command() -> None:
    """Run batches on more than one machine, over Dask: pip install 'ampsm[cluster]'.

    Each machine joins a scheduler; `ampsm batch start PLAN --on dask://HEAD:8786` gives its items to them. Results
    come back as ordinary sessions. docs/cluster.md has recipes for SSH, SLURM and Kubernetes.

      ampsm cluster head
      ampsm cluster join dask://127.0.0.1:8786 --slots 4

    A Dask scheduler without TLS lets everyone who can reach it run programs as you on every host, with your amp login.
    """


@cluster_command.command("join", cls=Command, short_help="Make this machine a host.")
@click.argument("scheduler", metavar="SCHEDULER")
@click.option("--slots", metavar="N", type=click.IntRange(1, 999), help="Iterations at once. [default: the setting's]")
@click.option("--name", metavar="X", help="What the host is called. [default: the machine's name]")
@click.option(
    "--home",
    metavar="F",
    type=parameters.FOLDER,
    help="Its home. [default: one of the machine's own]",
)
@click.option("--listen", metavar="ADDRESS", help="Where the worker listens. [default: as the scheduler is reached]")
@click.option(
    "--port", metavar="N", type=click.IntRange(1, 65535), help="Its port, for a tunnel. [default: any that is free]"
)
@click.option(
    "--print", "printed", is_flag=True, help="Print Dask's own command line instead: for systemd, SLURM, Kubernetes."
)
@click.option("--insecure", is_flag=True, help="Also a scheduler that others could run programs by.")
def cluster_join(
    scheduler: str,
    slots: int | None,
    name: str | None,
    home: Path | None,
    listen: str | None,
    *,
    port: int | None,
    printed: bool,
    insecure: bool,
) -> int:
    """Make this machine a host: items of batches run here, in a home of its own, and their results wait here.

    It stays, and comes back when the scheduler was away. Ctrl-C or SIGTERM lets it leave; what amp is at goes on, and
    is found when it joins again.

      ampsm cluster join dask://127.0.0.1:8786
      ampsm cluster join tls://head:8786 --slots 4 --name web1
      ampsm cluster join tls://head:8786 --print
    """
    from ampsm_engine.cluster import dask_processes, dask_transport, host, transport

    transport.read_address(scheduler)
    transport.check_installed()
    address = transport.read_address(scheduler, is_encrypted=dask_transport.has_certificates())
    transport.check_safe(address, insecure=insecure)
    from ampsm_engine.context import engine_at

    home_folder = home.expanduser().absolute() if home else host.home_of_host(os.environ)
    count = slots or int(engine_at().settings.number("slots"))
    plan = dask_processes.HostPlan(
        address, name or dask_processes.default_name(), home_folder, count, listen or "", port
    )
    dask_processes.prepare(plan)
    if printed:
        output.line(plan.printed())
        return diagnostics.OK
    try:
        asyncio.run(dask_transport.check_reachable(address))
    except Failed as reason:  # it may be started later, and be away for a while at any time
        diagnostics.note(f"{reason} {name or dask_processes.default_name()} joins once one does.")
    return dask_processes.stay(plan, diagnostics.note)


@cluster_command.command("head", cls=Command, short_help="Be the scheduler of a cluster.")
@click.option(
    "--host", "address", metavar="ADDRESS", default="127.0.0.1", help="Where it listens. [default: 127.0.0.1]"
)
@click.option("--port", metavar="N", type=click.IntRange(1, 65535), default=8786, help="[default: 8786]")
@click.option("--insecure", is_flag=True, help="Also where others could run programs by it.")
def cluster_head(address: str, port: int, *, insecure: bool) -> int:
    """Run a scheduler: hosts join it, and runs find them by it. It keeps nothing that would be missed.

    Anywhere but on 127.0.0.1 it needs certificates in Dask's settings (docs/cluster.md), or --insecure.

      ampsm cluster head
    """
    from ampsm_engine.cluster import dask_processes, dask_transport, transport

    transport.check_installed()
    is_encrypted = dask_transport.has_certificates()
    shown = f"[{address}]" if ":" in address else address
    transport.check_safe(transport.read_address(f"dask://{shown}:{port}", is_encrypted=is_encrypted), insecure=insecure)
    where = f"{'tls' if is_encrypted else 'dask'}://{shown}:{port}"
    diagnostics.note(f"The scheduler is at {where}. On each host: ampsm cluster join {where}")
    command = dask_processes.head_command(address, port, ("--protocol", "tls") if is_encrypted else ())
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted
