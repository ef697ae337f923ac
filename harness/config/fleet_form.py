"""The key `fleet` of a study, and `resources` of its arms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_JOBS = 256  # processes on one machine, each with a checkpoint of its own
MOST_WORKERS = 100_000  # of all hosts
Jobs = Literal["auto"] | Annotated[int, Field(ge=1, le=MOST_JOBS)]


class FleetConfig(BaseModel):
    """Workers that answer beside this process, through Ray. Changes no answer, and nothing of a run's identity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    address: str | None = Field(None, description="HOST:PORT of a running Ray; absent: one is started on this machine")
    workers: int | None = Field(
        None, ge=1, le=MOST_WORKERS, description="default: as many as the GPUs allow; without GPUs one a host"
    )
    gpus: float | None = Field(None, ge=0, description="GPUs of one worker; default: 1 where there are any")


class ArmResources(BaseModel):
    """Processes that train an arm together on a fleet. Changes losses by rounding only, and nothing of a run's identity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    workers: int = Field(1, ge=1, le=MOST_WORKERS, description="processes that share the prompts of a step")
    gpus: float | None = Field(None, ge=0, description="GPUs of each process; default: 1 where there are any")
    sharded: bool = Field(False, description="FSDP2: weights, gradients and optimizer states are divided among the processes")


ALONE = ArmResources.model_validate({})  # one process
