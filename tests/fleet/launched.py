"""`accelerate launch` on two hosts: `python tests/fleet/launched.py SCRIPT WORDS...`, under `unshare -n -u`, runs it there.

One process on each of two hosts that are joined by a network (`machines`), as a lab starts them by hand. Exit code 1 where one
of them fails; what the first one printed goes to stdout.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.fleet.hosts import HEAD, machines

PORT, PATIENCE_S = 29500, 240


def main(words: list[str]) -> int:
    with machines([1, 1]) as found:
        started = []
        for rank, host in enumerate(found):
            launch = [
                sys.executable,
                "-m",
                "accelerate.commands.launch",
                "--multi_gpu",
                "--num_machines=2",
                "--num_processes=2",
            ]
            launch += [f"--machine_rank={rank}", f"--main_process_ip={HEAD}", f"--main_process_port={PORT}"]
            own = {"GLOO_SOCKET_IFNAME": host.interface, "TP_SOCKET_IFNAME": host.interface}
            command = [*host.enter, *launch, "--mixed_precision=no", "--dynamo_backend=no", *words]
            started.append(subprocess.Popen(command, env=os.environ | own))
        return max(abs(process.wait(PATIENCE_S)) for process in started)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
