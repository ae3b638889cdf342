"""The largest batch that fits, found by trying."""

from collections.abc import Callable

_FIRST = 8
# Two neighbouring sizes differ by an eighth at most: a try can take a minute.
_SHARE = 8


def largest_batch(fits: Callable[[int], bool], maximum: int) -> int:
    """The largest batch found to fit; 0 if not even one example does.

    Doubles from 8 until a try fails or `maximum` is reached, then bisects between the
    largest that fitted and the smallest that did not, until they are within an eighth
    of the smaller one.

    Args:
        fits: tries a batch size; called with growing sizes until one fails.
        maximum: never tried beyond.
    """
    good, bad = 0, None
    size = min(_FIRST, maximum)
    while bad is None:
        if not fits(size):
            bad = size
        elif size == maximum:
            return size
        else:
            good, size = size, min(2 * size, maximum)
    while bad - good > max(1, good // _SHARE):
        middle = (good + bad) // 2
        if fits(middle):
            good = middle
        else:
            bad = middle
    return good
