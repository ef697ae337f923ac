"""One-dimensional optimal transport: two samples compared rank by rank."""

from torch import Tensor
from torch.nn.functional import logsigmoid


def sorted_loss(above: Tensor, below: Tensor, beta: float, flip: float) -> Tensor:
    """Smoothed logistic loss of `above` (B,) over `below` (B,), equal ranks together; each at the place of its `above`."""
    order = above.argsort(stable=True)
    margin = beta * (above[order] - below.sort().values)
    loss = -(1 - flip) * logsigmoid(margin) - flip * logsigmoid(-margin)
    return loss.new_empty(loss.shape).index_copy(0, order, loss)
