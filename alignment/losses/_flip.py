"""Label smoothing: the share of pairs believed to be labelled the wrong way round."""

from torch import Tensor
from torch.nn.functional import logsigmoid

from harness.core.errors import ConfigError


def check_flip(loss: str, flip: float, above: float = -1.0) -> None:
    """Raise ConfigError for a share outside [0, 0.5), or not above `above`."""
    if not (above < flip and 0 <= flip < 0.5):
        least = "above 0" if above == 0 else "at least 0"
        raise ConfigError(f"{loss}: flip is {flip}; it is a share of pairs (label smoothing), {least} and below 0.5.")


def smoothed(margin: Tensor, flip: float) -> Tensor:
    """-(1 - flip) log sigmoid(m) - flip log sigmoid(-m) of each margin m, (B,): the logistic loss under label smoothing."""
    return -(1 - flip) * logsigmoid(margin) - flip * logsigmoid(-margin)
