"""One-dimensional optimal transport: two samples compared rank by rank."""

from torch import Tensor

from alignment.losses._flip import smoothed


def sorted_loss(above: Tensor, below: Tensor, beta: float, flip: float) -> Tensor:
    """Smoothed logistic loss of `above` (B,) over `below` (B,), equal ranks together; each at the place of its `above`."""
    order = above.argsort(stable=True)
    margin = beta * (above[order] - below.sort().values)
    loss = smoothed(margin, flip)
    return loss.new_empty(loss.shape).index_copy(0, order, loss)
