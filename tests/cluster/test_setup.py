"""A repository's own setup command on hosts: trust in it does not travel unless the plan says so."""

import pytest

from ampsm_engine.batch import runs
from ampsm_engine.engine import setup
from ampsm_engine.errors import Refused
from ampsm_engine.trusted_commands import UntrustedCommand
from tests.cluster.desk import ClusterDesk
from tests.conftest import git

COMMAND = "touch prepared"


def sets_up(cluster: ClusterDesk, command: str = COMMAND) -> None:
    (cluster.repo / ".ampsm.toml").write_text(f'setup = "{command}"\n')
    git(cluster.repo, "add", "-A")
    git(cluster.repo, "commit", "-q", "-m", "Say how it is set up")


def test_a_setup_command_runs_on_hosts_when_it_is_trusted_here_and_the_plan_lets_it(cluster: ClusterDesk) -> None:
    sets_up(cluster)
    item = cluster.item(cluster.writes("a.txt"), scriptCommand="test -f prepared")
    with pytest.raises(Refused, match="with its own command: touch prepared") as refused:
        cluster.enter(item)
    assert "setupOnHosts: true" in refused.value.hint
    with pytest.raises(UntrustedCommand):
        cluster.enter(item, defaults={"setupOnHosts": True})
    assert cluster.engine.store.batches.all() == ()
    setup.trust(cluster.engine, str(cluster.repo), COMMAND)
    cluster.host("web1")
    batch = cluster.enter(item, defaults={"setupOnHosts": True})
    cluster.run(batch)
    assert cluster.states(batch) == ["success"], cluster.told(batch)


def test_a_host_runs_no_command_that_has_changed_since_it_was_trusted(cluster: ClusterDesk) -> None:
    sets_up(cluster)
    setup.trust(cluster.engine, str(cluster.repo), COMMAND)
    host = cluster.host("web1")
    batch = cluster.enter(cluster.item(cluster.writes("a.txt")), defaults={"setupOnHosts": True})
    git(cluster.repo, "config", "ampsm.setup", "true")  # here another one holds, which is trusted as well
    setup.trust(cluster.engine, str(cluster.repo), "true")
    sets_up(cluster, "touch other")
    cluster.run(batch)
    assert cluster.states(batch) == ["error"], cluster.told(batch)
    (item,) = cluster.items(batch)
    assert "web1 runs no setup command that was not trusted for it: touch other" in (item.reason or "")
    assert cluster.left_on(host) == (0, 0)
    setup.trust(cluster.engine, str(cluster.repo), "touch other")
    again = cluster.enter_again(cluster.now(batch), resume=True)
    cluster.run(again)
    assert cluster.states(batch) == ["success"], cluster.told(batch)
    assert runs.status(cluster.engine, batch.id).items[0].host == "web1"
