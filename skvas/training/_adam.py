"""Adam, without what torch's optimisers load."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

# Those of torch: how long means of gradients and of their squares reach back, and the
# least root of the latter.
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
# Names of these means, as torch has them.
MEANS = "exp_avg", "exp_avg_sq"
# Type of the number of steps, which lies on the CPU.
STEPS = torch.float32


class Adam:
    """What `torch.optim.Adam` does, by torch's own function.

    An optimiser of torch loads its compiler when it is first made, which takes longer
    than many a training here.

    Parameters
    ----------
    parameters : iterable of Parameter
        What is trained; may be none.
    lr, weight_decay : float
        Length of a step, and what parameters add of themselves to their gradients.

    Attributes
    ----------
    moments : dict of int to dict of str to Tensor
        The steps, and means of the gradients and of their squares, of each parameter
        that has had a gradient, by its number.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, lr: float, weight_decay: float
    ) -> None:
        self.lr, self.weight_decay = lr, weight_decay
        self.moments: dict[int, dict[str, Tensor]] = {}
        self._parameters = list(parameters)

    def forget_gradients(self) -> None:
        """Remove all gradients, so that the next ones are not added to them."""
        for parameter in self._parameters:
            parameter.grad = None

    def restore(self, moments: dict[int, dict[str, Tensor]]) -> None:
        """Go on with the moments of another training, where the parameters are.

        Parameters
        ----------
        moments : dict of int to dict of str to Tensor
            As in `moments`.
        """
        self.moments = {}
        for i, kept in moments.items():
            parameter = self._parameters[i]
            placed = {name: kept[name].to(parameter) for name in MEANS}
            self.moments[i] = {"step": kept["step"].clone(), **placed}

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters that have a gradient."""
        trained = {i: p for i, p in enumerate(self._parameters) if p.grad is not None}
        if not trained:
            return
        for i, parameter in trained.items():
            if i not in self.moments:
                means = {name: torch.zeros_like(parameter) for name in MEANS}
                self.moments[i] = {"step": torch.zeros((), dtype=STEPS), **means}
        kept = [self.moments[i] for i in trained]
        first, second = ([moments[name] for moments in kept] for name in MEANS)
        adam(
            list(trained.values()),
            [p.grad for p in trained.values() if p.grad is not None],
            first,
            second,
            [],
            [moments["step"] for moments in kept],
            amsgrad=False,
            beta1=BETA1,
            beta2=BETA2,
            lr=self.lr,
            weight_decay=self.weight_decay,
            eps=EPS,
            maximize=False,
        )
