"""A slice of tests/campaigns/differential.py: every family in random configurations and company, beside transformers."""

from __future__ import annotations

import pytest

from tests.campaigns.differential import campaign
from tests.campaigns.random_checkpoints import FAMILIES

# PaliGemma's processor makes an array of a tensor in the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
SEED, SITUATIONS = 14, 4


@pytest.mark.parametrize("family", FAMILIES)
def test_random_requests_in_random_company_get_the_numbers_of_transformers_alone(family: str) -> None:
    report = campaign(SEED, SITUATIONS, families=(family,), each=SITUATIONS // 2)
    told = f'python tests/campaigns/differential.py --families "{family}" --only '
    assert not report.disagreements, "\n".join(told + line for line in report.disagreements)
    assert report.situations == SITUATIONS and report.comparisons > SITUATIONS and report.worst < 1e-5
