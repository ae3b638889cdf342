"""What one call of a training loop did."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CallResult:
    """What one call did.

    Attributes:
        steps: steps taken; fewer than asked for when a loss was not finite.
        losses: mean of each loss over those steps at which it was computed.
        broken: name of the first loss that was NaN or infinite, else None.
        wait_seconds: of waiting for the next batch.
    """

    steps: int
    losses: dict[str, float]
    broken: str | None
    wait_seconds: float
