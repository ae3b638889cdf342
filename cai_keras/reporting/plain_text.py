"""Text from records and foreign files, made fit for a cell or a message."""

_LONGEST = 200


def one_line(text: str, longest: int = _LONGEST) -> str:
    """`text` on one line, cut where it is long.

    Line breaks, control characters (a terminal obeys them) and lone surrogates
    (nothing can print them) become spaces: a record may hold any text.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= longest else plain[: longest - 3] + "..."
