"""Rows of "Understanding Alignment in Multimodal LLMs" (arXiv:2407.02477v1), to stand beside yours when asked for.

Another model (LLaVA-1.6-7B), other judges, another protocol: for orientation, never a baseline. Values as printed,
also where the study's tables disagree with each other (its base differs between tables 2 and 9).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.errors import ConfigError
from harness.core.nearest import did_you_mean
from reports.published.reward_rows import TABLE as REWARD_MODELS
from reports.values.comparison import PublishedRow

SOURCE = "arXiv:2407.02477v1, LLaVA-1.6-7B unless named otherwise"
COLUMNS = ("POPE", "MMHal", "MMHal-V", "LLaVA-W", "TextVQA", "GQA", "MM-Vet", "COCO recall")

_TABLES = {
    "Table 2": """
        LLaVA-1.6-7B (base)              | 86.40 2.95 2.75 80.85 64.85 64.23 43.94 68.13
        LLaVA-1.6-13B                    | 86.23 3.23 3.18 86.10 65.7  64.8  48.26 68.13
        LLaVA-1.6-34B                    | 87.73 3.50 3.46 88.35 69.5  67.1  53.90 71.17
        DPO, POVID full                  | 88.09 3.16 3.07 78.63 64.56 64.12 40.60 73.48
        Online-DPO, POVID full           | 86.49 2.88 2.94 82.61 64.88 64.31 43.26 68.45
        Mixed-DPO, POVID full            | 88.03 2.83 3.10 82.75 64.93 64.47 42.80 74.53
        DPO, BDHS (POVID 5k)             | 88.75 2.61 2.71 86.33 65.07 63.97 43.4  75.58
        DPO, Online-BDHS (POVID 5k)      | 88.83 2.80 2.99 85.03 65.09 63.65 43.12 74.09
        DPO, Online-BDHS + POVID (5k)    | 88.38 2.82 2.81 84.01 65.42 64.30 45.46 74.00
        DPO, VLFeedback full             | 81.84 2.96 2.99 90.75 62.93 62.53 43.85 66.67
        DPO, VLFeedbackCorrupted (5k)    | 87.52 3.03 3.01 88.64 65.30 64.19 42.16 70.13
        DPO, BDHS (VLFeedback 5k)        | 88.10 2.77 2.87 86.68 65.27 64.33 43.39 72.43
    """,
    "Table 3": """
        DPO, VLFeedback 80k              | 81.84 2.96 2.99 90.55 62.93 62.54 43.85 66.67
        DPO, POVID 17k                   | 88.09 3.16 3.07 78.05 64.56 64.12 40.60 73.48
        DPO, RLHF-V 5.7k                 | 83.86 3.15 3.26 70.58 64.75 62.89 37.16 64.26
        DPO, VLFeedback 5k               | 86.31 2.92 3.00 83.10 65.06 64.09 43.21 68.03
        DPO, POVID 5k                    | 88.18 2.93 2.93 81.89 64.90 64.34 43.39 71.80
        DPO, RLHF-V 5k                   | 84.39 3.25 3.35 72.09 64.85 63.35 39.72 64.68
    """,
    "Table 5": """
        VLFeedback ranked                | 86.31 2.92 3.00 83.10 65.06 64.09 43.21 68.03
        + corrupting strategy            | 85.59 3.39 3.33 86.65 65.20 63.87 37.98 68.66
        LLaVA prompts                    | 87.63 2.85 2.96 86.55 65.13 64.25 41.47 70.44
        GPT-4V responses only            | 86.78 3.30 3.02 86.77 65.06 64.02 40.14 69.08
        LLaVA responses only             | 87.52 3.03 3.01 88.64 65.30 64.19 42.16 70.13
    """,
    "Table 6": """
        BDHS noise, offline              | 88.60 2.37 2.48 84.53 65.05 64.14 41.38 75.16
        BDHS attention, offline          | 88.75 2.61 2.71 86.33 65.07 63.97 43.4  75.58
        BDHS attention, online           | 88.83 2.80 2.99 85.03 65.09 63.65 43.12 74.09
        GPT-4V                           | 88.18 2.93 2.93 81.89 64.90 64.34 43.39 71.80
        GPT-4V + POVID-style distortion  | 88.33 2.84 2.64 80.15 64.21 63.79 41.28 69.39
        GPT-4V + BDHS noise, offline     | 88.58 2.76 2.45 84.36 65.31 64.26 43.95 75.05
        GPT-4V + BDHS attention, offline | 88.56 2.85 2.72 85.35 65.39 64.11 43.26 75.05
        GPT-4V + BDHS attention, online  | 88.38 2.82 2.81 84.01 65.42 64.30 45.46 74.00
    """,
    "Table 8": """
        DPO (for reference)              | 88.09 3.16 3.07 78.05 64.56 64.12 40.60 73.48
        PPO, VLFeedback reward           | 87.54 3.02 3.09 80.17 63.90 64.04 40.51 67.19
        RLOO, VLFeedback reward          | 87.17 2.94 2.72 78.72 63.59 63.72 42.25 64.57
    """,
    "Table 9": """
        base, as printed there           | 86.41 3.06 2.71 78.96 64.22 64.22 43.94 68.13
        DPO, POVID                       | 88.09 3.16 3.07 78.63 64.56 64.12 40.60 73.48
        Online-DPO, POVID                | 86.49 2.88 2.94 82.61 64.88 64.31 43.26 68.45
        Mixed-DPO, POVID                 | 88.03 2.83 3.10 82.75 64.93 64.47 42.80 74.53
        DPO, RLHF-V                      | 83.86 3.15 3.26 70.58 64.75 62.89 37.16 64.26
        Online-DPO, RLHF-V               | 85.40 3.10 3.27 79.66 64.94 64.05 41.01 68.13
        Mixed-DPO, RLHF-V                | 85.57 2.94 3.16 78.46 65.06 64.10 41.10 67.82
    """,
    "Table 11": """
        Online-DPO, 7B annotator         | 86.54 2.52 2.72 81.55 64.93 64.18 40.73 67.40
        Online-DPO, 34B annotator        | 86.49 2.88 2.94 82.61 64.88 64.31 43.26 68.45
    """,
    "Table 12": """
        DPO, POVID                       | 88.09 3.16 3.07 78.63 64.56 64.12 40.60 73.48
        IPO, POVID                       | 87.62 3.11 3.11 82.34 65.09 64.47 43.99 69.81
        SLiC, POVID                      | 88.28 3.17 3.15 81.99 64.59 64.11 41.51 74.32
    """,
    "Table 15": """
        plain DPO (GPT-4V)               | 88.18 2.93 2.93 81.89 64.90 64.34 43.39 71.80
        mask only 0.98, no guidance      | 88.61 2.25 2.25 82.25 64.92 64.04 42.75 77.46
        mask only 0.99, no guidance      | 88.70 2.52 2.51 86.08 65.07 64.06 42.02 77.04
        BDHS attention 0.98              | 88.80 2.56 2.68 86.54 65.02 64.03 43.03 76.10
        BDHS attention 0.99              | 88.75 2.61 2.71 86.33 65.07 63.97 43.39 75.58
        BDHS attention 1.00              | 88.70 2.63 2.80 84.15 65.18 63.93 43.12 75.37
        BDHS noise 100                   | 88.50 2.58 2.48 82.46 64.96 64.34 40.14 75.47
        BDHS noise 200                   | 88.55 2.49 2.38 83.43 65.10 64.24 38.76 74.53
        BDHS noise 300                   | 88.59 2.43 2.45 85.16 65.11 64.18 40.69 76.10
        BDHS noise 400                   | 88.66 2.39 2.42 83.72 65.09 64.29 40.41 75.16
        BDHS noise 500                   | 88.59 2.36 2.49 84.53 65.05 64.14 41.38 75.16
    """,
}


def published(tables: Sequence[str]) -> tuple[PublishedRow, ...]:
    """The rows of these tables. Raises ConfigError for one that is not in `TABLES`."""
    found = []
    for table in tables:
        if table == REWARD_MODELS:
            continue  # other columns, see `reward_rows`
        if table not in _TABLES:
            near = did_you_mean(table, TABLES)
            raise ConfigError(f"The study's {table!r} is not here.{near} Choose one of {', '.join(TABLES)}.")
        for line in _TABLES[table].strip().splitlines():
            method, _, values = line.partition("|")
            numbers = dict(zip(COLUMNS, map(float, values.split()), strict=True))
            found.append(PublishedRow(table, method.strip(), numbers))
    return tuple(found)


TABLES = (*_TABLES, REWARD_MODELS)
