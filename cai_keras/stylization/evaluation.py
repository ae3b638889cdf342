"""The objective of one picture and its gradient over the pixels, whole or in tiles."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from keras import ops

from cai_keras.losses.style import content_loss, total_variation
from cai_keras.networks.receptive_field import receptive_fields
from cai_keras.stylization.objective import PerceptualObjective
from cai_keras.training.input_gradient import value_and_input_gradient
from cai_keras.training.updates import backend_step

# Pixels on a side: with the features of cai_vgg about half a gigabyte.
TILE_SIDE = 512


class WholePicture:
    """The objective at a picture, computed at once.

    Args:
        objective: content, style and total variation.
        content, style: (height, width, 3), in [0, 1].

    Call:
        picture: (height, width, 3), as large as `content`.
        Returns: ({term: value}, gradient of the weighted sum in the picture's shape).
    """

    def __init__(self, objective: PerceptualObjective, content, style):
        self.objective = objective
        targets = objective.targets(content, style)

        def total(pictures):
            terms = objective.terms(pictures, targets)
            return ops.sum(objective.total(terms)), terms

        self._evaluate = backend_step().compiled(
            partial(value_and_input_gradient, total), []
        )

    def __call__(self, picture: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        terms, gradient = self._evaluate(np.asarray(picture, np.float32)[None])
        values = {name: float(value[0]) for name, value in terms.items()}
        return values, ops.convert_to_numpy(gradient)[0]


@dataclass(frozen=True)
class Tile:
    """A rectangle of a picture, and what must be seen of it to know its features.

    Attributes:
        inner: rows and columns; inner parts share no pixel and cover the picture.
        outer: the inner part and a margin, where the picture goes on.
    """

    inner: tuple[slice, slice]
    outer: tuple[slice, slice]

    def crop(self, maps, stride: int, sizes: tuple[int, int]):
        """The inner part of a layer's maps (1, rows, columns, channels) of `outer`.

        Args:
            stride: of the layer, in pixels.
            sizes: height and width of the picture.
        """
        rows, columns = (
            slice(
                (inner.start - outer.start) // stride,
                None if inner.stop == size else (inner.stop - outer.start) // stride,
            )
            for inner, outer, size in zip(self.inner, self.outer, sizes, strict=True)
        )
        return maps[:, rows, columns]


def tiles_of(height: int, width: int, side: int, margin: int) -> list[Tile]:
    """Tiles of about `side` pixels; both arguments are multiples of all strides."""
    return [
        Tile((rows, columns), (outer_rows, outer_columns))
        for rows, outer_rows in _parts(height, side, margin)
        for columns, outer_columns in _parts(width, side, margin)
    ]


def _parts(size: int, side: int, margin: int) -> Iterator[tuple[slice, slice]]:
    # A rest of half a tile or less belongs to the last one: features of a stripe could
    # have no rows.
    starts = [0, *range(side, size - side // 2, side)]
    for start, stop in pairwise([*starts, size]):
        outer = slice(max(0, start - margin), min(size, stop + margin))
        yield slice(start, stop), outer


class TiledPicture:
    """The same numbers as `WholePicture`, in the memory of a few tiles.

    A layer's Gram matrix is a sum over positions: a first pass adds up the sums of all
    tiles, so that the objective's slope by each Gram matrix is known; a second pass
    follows it back to the pixels, tile by tile. Each tile is seen with a margin of half
    the receptive field, so that its own features are those of the whole picture.

    Args:
        objective, content, style: as for `WholePicture`; the style may be large too.
        side: of a tile without its margin, in pixels; rounded up to a multiple of 16.
    """

    def __init__(
        self, objective: PerceptualObjective, content, style, side: int = TILE_SIDE
    ):
        self.objective = objective
        names = {*objective.content_layers, *objective.style_layers}
        fields = receptive_fields(objective.network.trunk)
        used = [fields[objective.network.trunk_name(name)] for name in names]
        self._strides = {
            name: fields[objective.network.trunk_name(name)].stride for name in names
        }
        largest = max([field.stride for field in used], default=1)
        reach = max([field.size for field in used], default=1) // 2
        self._margin = _rounded_up(reach + largest, largest)
        self._side = _rounded_up(side, largest)
        step = backend_step()
        self._features = step.compiled(objective.features, [])
        self._gradients: dict = {}
        self._style = self._grams(style, self._sums(style))
        self._content = (
            []
            if not names
            else [
                {
                    name: ops.convert_to_numpy(tile.crop(maps[name], stride, sizes))
                    for name, stride in self._strides.items()
                    if name in objective.content_layers
                }
                for tile, maps, sizes in self._tiles(content)
            ]
        )

    def __call__(self, picture: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        picture = np.asarray(picture, np.float32)
        terms, slopes = self._style_of(picture)
        gradient = np.zeros_like(picture)
        sizes = picture.shape[:2]
        tiles = tiles_of(*sizes, self._side, self._margin)
        contents = []
        # Without features no tile has a gradient.
        for tile, target in zip(
            tiles if self._strides else [], self._content, strict=True
        ):
            share, found = self._gradient_of(tile, sizes)(
                picture[tile.outer][None], target, slopes
            )
            contents.append(float(share))
            gradient[tile.outer] += ops.convert_to_numpy(found)[0]
        weights = self.objective.weights
        if "content" in weights:
            terms = {"content": sum(contents), **terms}
        if "total_variation" in weights:
            value, found = value_and_input_gradient(_summed_variation, picture[None])
            terms["total_variation"] = float(value)
            found = ops.convert_to_numpy(found)[0]
            gradient += weights["total_variation"] * found
        return terms, gradient

    def _style_of(self, picture) -> tuple[dict[str, float], dict]:
        """The style term, and its slope by the sum over positions of each layer."""
        objective, value, slopes = self.objective, 0.0, {}
        if not objective.style_layers:
            return {}, {}
        grams = self._grams(picture, self._sums(picture))
        for name, gram in grams.items():

            def of_gram(gram, name=name):
                loss = ops.sum(objective.style_of_layer(name, gram, self._style[name]))
                return loss, loss

            loss, slope = value_and_input_gradient(of_gram, gram)
            value += float(loss)
            slopes[name] = ops.convert_to_numpy(slope) * (
                objective.weights["style"] / self._positions(picture, name)
            )
        return {"style": value}, slopes

    def _sums(self, picture) -> dict[str, np.ndarray]:
        """Sums over positions of products of features, for every style layer."""
        sums: dict[str, np.ndarray] = {}
        for tile, maps, sizes in self._tiles(picture):
            for name in self.objective.style_layers:
                inner = tile.crop(maps[name], self._strides[name], sizes)
                found = ops.convert_to_numpy(_products(inner))
                sums[name] = sums.get(name, 0.0) + found
        return sums

    def _grams(self, picture, sums) -> dict[str, np.ndarray]:
        return {
            name: (total / self._positions(picture, name)).astype(np.float32)
            for name, total in sums.items()
        }

    def _tiles(self, picture):
        sizes = picture.shape[:2]
        for tile in tiles_of(*sizes, self._side, self._margin):
            yield tile, self._features(picture[tile.outer][None]), sizes

    def _positions(self, picture, name: str) -> int:
        height, width = (size // self._strides[name] for size in picture.shape[:2])
        return height * width

    def _gradient_of(self, tile: Tile, sizes: tuple[int, int]):
        """Compiled for all tiles that lie alike in their margins."""
        key = tuple(
            (i.start - o.start, i.stop - o.start, o.stop - o.start, i.stop == size)
            for i, o, size in zip(tile.inner, tile.outer, sizes, strict=True)
        )
        if key not in self._gradients:
            compute = partial(self._tile_gradient, tile, sizes)
            self._gradients[key] = backend_step().compiled(compute, [])
        return self._gradients[key]

    def _tile_gradient(self, tile: Tile, sizes, pixels, target: Mapping, slopes):
        objective = self.objective

        def share(pixels):
            maps = objective.features(pixels)
            inner = {
                name: tile.crop(maps[name], stride, sizes)
                for name, stride in self._strides.items()
            }
            total = content = ops.zeros(())
            convention = objective.settings.content.convention
            for name in objective.content_layers:
                loss = ops.sum(content_loss(inner[name], target[name], convention))
                if convention != "gatys":  # a mean: each tile has its share of it
                    all_positions = np.prod(
                        [size // self._strides[name] for size in sizes]
                    )
                    loss *= np.prod(target[name].shape[1:3]) / all_positions
                content += loss
            if objective.content_layers:
                total += objective.weights["content"] * content
            for name in objective.style_layers:
                total += ops.sum(_products(inner[name]) * slopes[name])
            return total, content

        return value_and_input_gradient(share, pixels)


def _products(maps):
    """Sums over positions of the products of channels, (1, channels, channels)."""
    channels = maps.shape[-1]
    flat = ops.reshape(ops.cast(maps, "float32"), (1, -1, channels))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)


def _summed_variation(pictures):
    value = ops.sum(total_variation(pictures))
    return value, value


def _rounded_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
