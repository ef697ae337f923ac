"""What a training saved is put back into DeepSpeed's optimizer; the package is a stand-in."""

import sys
from types import SimpleNamespace

import torch
from torch import nn

from alignment.weights.deepspeed import Zero
from alignment.weights.replicated import Replicated
from alignment.weights.trainable import Trainable
from alignment.weights.workers import Workers


def test_a_weight_without_a_gradient_so_far_has_no_moments_to_put_back(monkeypatch) -> None:
    """The projector's, of a training whose steps showed no image yet; begun with whole weights, continued with DeepSpeed."""
    unused, used = (nn.Parameter(torch.ones(2)) for _ in range(2))
    plain = torch.optim.AdamW([unused, used])
    used.grad = torch.ones(2)
    plain.step()
    trained = Trainable(nn.Linear(1, 1), {"unused": unused, "used": used}, None)
    state = Replicated(trained, Workers()).held(plain)
    put: list[tuple[nn.Parameter, str]] = []
    utils = SimpleNamespace(
        safe_set_full_fp32_param=lambda weight, value: None,
        safe_set_full_optimizer_state=lambda weight, value, name: put.append((weight, name)),
    )
    monkeypatch.setitem(sys.modules, "deepspeed.utils", utils)
    monkeypatch.setitem(sys.modules, "deepspeed", SimpleNamespace(utils=utils))
    zero = Zero.__new__(Zero)
    zero.trained, zero._numbered = trained, [unused, used]
    flat = nn.Parameter(torch.ones(4))
    inner = SimpleNamespace(param_groups=[{"params": [flat]}], state={})
    zero.restore(SimpleNamespace(optimizer=inner, _lazy_init_hp_params_optimizer_state=lambda: None), state)
    assert [(weight is used, name) for weight, name in put] == [(True, "exp_avg"), (True, "exp_avg_sq")]
    assert inner.state[flat]["step"] == 1 and not inner.state[flat]["exp_avg"].any()
