"""`python -m ampsm_engine.cluster RUN`: the coordinator of a run on a cluster; else as `ampsm_engine.batch`."""

import json
import sys

from ampsm_engine.batch.__main__ import main
from ampsm_engine.batch.executor import Executor, RunContext
from ampsm_engine.cluster import transport
from ampsm_engine.cluster.dask_transport import DaskTransport, has_certificates
from ampsm_engine.cluster.executor import ClusterExecutor
from ampsm_engine.model import Batch


def executor_of(context: RunContext, batch: Batch) -> Executor:
    """What runs the items of a run on the cluster that its plan names."""
    transport.check_installed()
    address = transport.read_address(str(json.loads(batch.plan)["on"]), is_encrypted=has_certificates())
    return ClusterExecutor(context, batch, DaskTransport(address))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], executor_of))
