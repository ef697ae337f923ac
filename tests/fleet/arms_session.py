"""Arms trained by Ray Train on a local Ray: `python tests/fleet/arms_session.py DATA FOLDER` prints what came of them as JSON.

The study has three arms: `killed` and `whole`, alike, each by two processes that share the prompts of a step, and `broken`,
whose training is refused. A process of `killed` is killed after its third step. Then one process trains the same arm.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from harness.config import schema
from harness.core.errors import HarnessError
from harness.core.files import write_text_whole
from harness.run import pipeline
from harness.storage.run_store import Store

MODEL = {"name": "transformers", "path": "miniworld", "dtype": "float32", "device": "cpu", "threads": 1}
PAIRS = {"name": "bdhs", "limit": 6, "n_tries": 2, "max_new_tokens": 12}
STEPS = 5


def study(data: str, output: Path, **more: Any) -> Any:
    training = {"batch_size": 4, "micro_batch": 2, "epochs": 5, "max_steps": STEPS, "save_every": 1, "learning_rate": 1.0e-4}
    dpo = {"name": "dpo", "training": training}
    broken = {"name": "dpo", "training": {**training, "max_length": 3}}  # every pair is too long
    two = {"pairs": PAIRS, "align": dpo, "resources": {"workers": 2}}
    arms = [{"name": "killed", **two}, {"name": "whole", **two}, {"name": "broken", "pairs": PAIRS, "align": broken}]
    pope = {"name": "pope", "splits": ["random"], "limit": 12}
    tree = {"name": "arms", "model": MODEL, "data": data, "output": str(output), "arms": arms, "sweep": [pope]}
    return schema.parse(tree | more)


def losses(output: Path, arm: str) -> list[float]:
    (log,) = output.glob(f"arms-*/arms/{arm}/train/log.jsonl")
    return [json.loads(line)["loss"] for line in log.read_text().splitlines()]


def kill_a_trainer(output: Path, arm: str, after: int, killed: list[int]) -> None:
    """SIGKILL for a process of an arm when its log has that many steps."""
    while not killed:
        time.sleep(0.1)
        for log in output.glob(f"arms-*/arms/{arm}/train/log.jsonl"):
            marks = list(output.glob(f"arms-*/arms/{arm}/pid-*"))
            if len(log.read_text().splitlines()) >= after and marks:
                killed.append(int(marks[-1].name.rpartition("-")[2]))
                os.kill(killed[0], signal.SIGKILL)
                return


def tried(config: Any) -> str:
    try:
        pipeline.run(config, "test", say=lambda text: print(text, file=sys.stderr, flush=True))
    except HarnessError as error:
        return str(error)
    return ""


def main(data: str, folder: Path) -> None:
    killed: list[int] = []
    threading.Thread(target=kill_a_trainer, args=(folder / "fleet", "killed", 3, killed), daemon=True).start()
    config = study(data, folder / "fleet", fleet={"workers": 1})
    found: dict[str, Any] = {"said": tried(config)}
    alone = config.arms[1].model_dump(exclude_none=True, exclude={"resources"})
    found["alone said"] = tried(study(data, folder / "alone", arms=[alone]))
    found["killed"], found["steps"] = len(killed), STEPS
    found["losses"] = {name: losses(folder / "fleet", name) for name in ("killed", "whole")}
    found["losses"]["alone"] = losses(folder / "alone", "whole")
    found["weights"] = {name: weights(folder / "fleet", name) for name in ("killed", "whole")}
    with Store(folder / "fleet" / "store.sqlite") as store:
        (run,) = store.runs()
        found["swept"] = [result.label for result in store.results(run.id)]
        found["status"] = run.status
    print(json.dumps(found))


def weights(output: Path, arm: str) -> str:
    from harness.core.digests import file_digest

    (file,) = output.glob(f"arms-*/arms/{arm}/train/checkpoint/*.safetensors")
    return file_digest(file)


def marking_train_arm(given: Any) -> None:
    """The product's function, which first leaves its process id."""
    from harness.run.on_fleet import arm_training

    write_text_whole(given["folder"] / "arms" / given["arm"] / f"pid-{os.getpid()}", "")
    arm_training.train_arm(given)


if __name__ == "__main__":
    from harness.run.on_fleet import arm_training as product

    product.ArmTraining.train_on_fleet.__globals__["train_arm"] = marking_train_arm
    main(sys.argv[1], Path(sys.argv[2]))
