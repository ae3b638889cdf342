"""Which papers have something that devices could share."""

from cai_keras.cli.papers import find_paper, paper_slugs


def slugs() -> list[str]:
    """All but those with one example a step, and so with one device at work."""
    return [slug for slug in paper_slugs() if _batch_size(slug) != 1]


def _batch_size(slug: str) -> int | None:
    paper = find_paper(slug)
    data = paper.recipe("smoke", next(iter(paper.variants))).data
    return getattr(data, "batch_size", None)
