"""The loop and the step that every training shares, on a weight that is one number."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from offline.training.loop import Budget, NowAndThen, run_steps
from offline.training.stepping import MovingAverage, descend
from offline.training.workers import Workers
from runtime.errors import BadInput


@dataclass
class Spent:
    step: int = 0
    seconds: float = 0.0


class OtherFails(Workers):
    """One of two workers, of which the other has a loss that is not finite."""

    def average(self, parameters: object) -> None:
        pass

    def any(self, value: bool, device: torch.device | None) -> bool:
        return True


def weight(value: float, slope: float) -> tuple[torch.Tensor, torch.optim.SGD]:
    made = torch.tensor([value], requires_grad=True)
    made.grad = torch.tensor([slope])
    return made, torch.optim.SGD([made], lr=1.0)


def test_steps_are_counted_and_told_their_share_of_the_budget() -> None:
    spent, shares, saved, noted = Spent(), list[float](), list[int](), list[object]()

    def advance(share: float) -> dict[str, float]:
        shares.append(share)
        return {"loss": 1.0}

    run_steps(spent, Budget(steps=4), advance, lambda: saved.append(spent.step), "test", noted=noted.append)
    assert shares == [0, 0.25, 0.5, 0.75] and saved == [4] and len(noted) == 4 and spent.seconds > 0


def test_ctrl_c_saves_and_goes_on_to_the_caller() -> None:
    spent, saved = Spent(), list[int]()

    def advance(_: float) -> dict[str, float]:
        if spent.step == 2:
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        run_steps(spent, Budget(steps=4), advance, lambda: saved.append(spent.step), "test")
    assert saved == [2]


def test_only_the_first_worker_saves_and_notes() -> None:
    class Second(Workers):
        def agree(self, value: float, device: torch.device | None) -> float:
            return value

    spent, done = Spent(), list[str]()
    run_steps(
        spent, Budget(steps=2), lambda _: {}, lambda: done.append("saved"), "test", Second(1, 2),
        noted=lambda _: done.append("noted"), besides=[NowAndThen(0.0, lambda: done.append("besides"))],
    )  # fmt: skip
    assert spent.step == 2 and not done


def test_a_step_by_hand() -> None:
    made, optimiser = weight(1.0, 4.0)
    assert descend(optimiser, [made], {"a": torch.tensor(0.5)}, 0, "rest", clip=2.0) == {"a": 0.5}
    assert made.item() == pytest.approx(-1.0)  # the slope is cut to 2
    made, optimiser = weight(1.0, 4.0)
    descend(optimiser, [], {}, 0, "rest", clip=2.0, unclipped=[made])
    assert made.item() == -3.0


@pytest.mark.parametrize(
    ("loss", "slope", "workers", "said"),
    [
        (float("nan"), 1.0, Workers(), "the loss 'a' is nan in step 8"),
        (1.0, float("inf"), Workers(), "the gradient's norm is inf in step 8"),
        (1.0, 1.0, OtherFails(0, 2), "a loss of another worker is nan in step 8"),
    ],
)
def test_nothing_moves_where_something_is_not_finite(loss: float, slope: float, workers: Workers, said: str) -> None:
    made, optimiser = weight(1.0, slope)
    with pytest.raises(BadInput, match=f"{said}, and what was learnt before it is kept; take a rest"):
        descend(optimiser, [made], {"a": torch.tensor(loss)}, 7, "take a rest", workers)
    assert made.item() == 1.0


def test_the_average_by_hand() -> None:
    weights = [torch.tensor([1.0])]
    average = MovingAverage(weights, 0.9)
    weights[0].fill_(2.0)
    average.update(0)  # a decay of (1 + 0) / (10 + 0)
    assert average.averaged[0].item() == pytest.approx(0.1 * 1 + 0.9 * 2)
    average.update(1000)
    assert average.averaged[0].item() == pytest.approx(0.9 * 1.9 + 0.1 * 2)
    with average.in_place():
        assert weights[0].item() == pytest.approx(1.91)
    assert weights[0].item() == 2.0
    assert MovingAverage(weights, 0.0).averaged == []
