"""What worker processes on this machine are forked with: the libraries, imported once and shared.

Collecting garbage writes into every object it looks at, which would give each process a copy of all pages. So none is collected
while this is imported, and what is there afterwards is not looked at again: 75 MiB a process.
"""

from __future__ import annotations

from importlib import import_module

from harness.core.edge.processes import imports_that_stay

with imports_that_stay():
    from harness.models._images.workers import CHECKPOINT_MODULES

    for name in ("harness.fleet.worker", "harness.run.on_fleet.arm_training", *CHECKPOINT_MODULES):
        import_module(name)
