"""Numbers as tables print them: as many digits as the spread supports."""

import math
import statistics
from collections.abc import Sequence

_LEAST, _MOST = 2, 6  # decimals


def decimals_for(value: float, deviation: float | None) -> int:
    """Decimals of a value and its deviation: at least two.

    More where the deviation has its first two digits further behind the point, or,
    without one, the value its first three: 0.00123 is not 0.00.
    """
    size, digits = (deviation, 2) if deviation else (abs(value), 3)
    if not size:
        return _LEAST
    return max(_LEAST, digits - 1 - math.floor(math.log10(size)))


def rounded(value: float, decimals: int, sign: str = "") -> str:
    """The number with so many decimals, or in powers of ten where it is far from 1.

    Args:
        sign: `+` also marks positive numbers.
    """
    if decimals > _MOST or abs(value) >= 1e7:
        return f"{value:{sign}.4g}"
    text = f"{value:{sign}.{decimals}f}"
    # -0.001 at two decimals: no number is negative and zero.
    return text.replace("-", "+" if sign else "", 1) if not float(text) else text


def given(value: float) -> str:
    """A number as somebody gave it: six digits, or all of a large whole number."""
    return f"{value:,.0f}" if _is_count(value) else f"{value:g}"


def estimate(
    mean: float,
    deviation: float | None,
    interval: tuple[float, float] | None,
    sign: str = "",
) -> str:
    """`mean ± deviation [low, high]`, without the parts that there are not."""
    if not deviation and _is_count(mean):
        # Of a count that every seed gave, such as one of parameters.
        return f"{mean:{sign},.0f}"
    decimals = decimals_for(mean, deviation)
    text = rounded(mean, decimals, sign)
    if deviation is not None:
        text += f" ± {rounded(deviation, decimals)}"
    if interval is not None:
        low, high = (rounded(end, decimals, sign) for end in interval)
        text += f" [{low}, {high}]"
    return text


def _is_count(value: float) -> bool:
    return 1e5 <= abs(value) < 1e15 and float(value).is_integer()


def duration(seconds: float) -> str:
    """`5 s`, `18 min`, `5.2 h` or `3.1 d`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 120 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} d"


def share(part: float, whole: float) -> str:
    """Percent with three digits; `under 0.001` for what would round to nothing."""
    percent = 100 * part / whole
    return "under 0.001 %" if 0 < percent < 0.001 else f"{percent:.3g} %"


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None of nothing."""
    return statistics.fmean(values) if values else None
