"""Claims: what a paper says, as data that a run can be held against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ValueClaim(_Strict):
    """A published number. Judged only by runs that kept the paper's protocol.

    Attributes:
        id: unique in the paper's file; the table and the tests name it.
        variant: the variant whose runs measure it.
        metric: `split/name`, as the record has it; its unit is part of the name.
        better: the direction in which the metric improves.
        value: the number as the paper prints it.
        tolerance: largest distance, in the metric's unit, that counts as
            reproduced; written down before the first run.
        source: table, row or figure; a number read off a plot says so.
        passport: what the paper says of how the number was measured (extractor,
            resizing, n, ...); a run whose metric differs in one of these keys is not
            compared with it.
    """

    kind: Literal["value"]
    id: str
    variant: str
    metric: str
    better: Literal["higher", "lower"]
    value: float
    tolerance: Annotated[float, Field(ge=0)]
    source: str
    passport: dict[str, Any] | None = None


class EffectClaim(_Strict):
    """A published difference: `variant` beats `baseline` by more than `margin`.

    Judged at every scale and on every data set from seeds that both variants ran.

    Attributes:
        margin: in the metric's unit; 0 claims only the direction, -3 that the variant
            is worse by less than 3. Two claims, one in each direction, with a negative
            margin claim that two variants are alike.
        published: the paper's own difference in the direction of `better`, or null
            where the paper prints none.
        baseline_metric: where the baseline is measured by another metric of the same
            unit, as two policies of one run are; `metric` if null.
    """

    kind: Literal["effect"]
    id: str
    variant: str
    baseline: str
    metric: str
    better: Literal["higher", "lower"]
    margin: Annotated[float, Field(allow_inf_nan=False)]
    published: float | None
    source: str
    baseline_metric: str | None = None

    @property
    def metric_of_baseline(self) -> str:
        return self.baseline_metric or self.metric

    @property
    def metrics(self) -> str:
        """Both, as a reader sees them."""
        if self.baseline_metric is None:
            return self.metric
        return f"{self.metric} against {self.baseline_metric}"


Claim = Annotated[ValueClaim | EffectClaim, Field(discriminator="kind")]


@dataclass(frozen=True)
class PaperClaims:
    """What the table needs to know of a paper beside its records.

    Attributes:
        paper_steps: by variant, the optimiser steps of the `paper` scale.
        seeds: by variant, the seeds that the `paper` scale asks for.
    """

    slug: str
    claims: Sequence[ValueClaim | EffectClaim]
    paper_steps: Mapping[str, int]
    seeds: Mapping[str, Sequence[int]]
