"""How a verb speaks of files that it had to leave out."""

from collections.abc import Sequence

from cai_keras.cli.output import errors


def say_damage(problems: Sequence[str]) -> None:
    """One line for each on standard error."""
    for problem in problems:
        errors.print(
            f"left out: {problem}", markup=False, highlight=False, soft_wrap=True
        )


def damage_text(problems: Sequence[str]) -> str:
    count = len(problems)
    return f"{count} damaged file{'' if count == 1 else 's'} left out"
