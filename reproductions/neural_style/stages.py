"""From coarse to fine: a picture is minimised small, enlarged, and minimised again."""

from cai_keras.errors import UsageError


def stages_of(side: int, steps: int, count: int) -> list[tuple[int, int]]:
    """(side, steps) of each stage, the coarsest first; the steps add up to `steps`.

    Each stage has twice the side of the one before and half of its steps: it only
    adds detail, and one of its steps takes four times as long.

    Args:
        side: of the last stage's picture, in pixels.
        steps: evaluations of the objective for the picture.
        count: number of stages.
    Raises:
        UsageError: the side cannot be halved so often, or a stage would have no step.
    """
    halved = 2 ** (count - 1)
    if side % halved:
        raise UsageError(
            f"data.image_side: expected a multiple of {halved} for {count} stages "
            f"(model.stages), received {side}"
        )
    later = [steps * 2 ** (count - 1 - n) // (2**count - 1) for n in range(1, count)]
    budgets = [steps - sum(later), *later]
    if min(budgets) < 1:
        raise UsageError(
            f"train.steps: {steps} for a picture; expected at least one for each of "
            f"{count} stages (model.stages)"
        )
    sides = [side // 2 ** (count - 1 - n) for n in range(count)]
    return list(zip(sides, budgets, strict=True))
