"""The key `fleet` of a study."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FleetConfig(BaseModel):
    """Workers that answer beside this process, through Ray. Changes no answer, and nothing of a run's identity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    address: str | None = Field(None, description="HOST:PORT of a running Ray; absent: one is started on this machine")
    workers: int | None = Field(None, ge=1, description="default: as many as the GPUs allow; without GPUs one a host")
    gpus: float | None = Field(None, ge=0, description="GPUs of one worker; default: 1 where there are any")
