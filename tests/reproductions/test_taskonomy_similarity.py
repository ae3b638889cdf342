"""Affinity matrices and trees of tasks, by hand."""

import numpy as np
import pytest

from cai_keras.data.task_transfers import Transfer
from cai_keras.errors import UsageError
from reproductions.taskonomy.similarity import affinity_matrix, task_tree


def matrix_of(rows):
    """Targets t, u, ... of sources a, b, ..."""
    return affinity_matrix(
        Transfer((source,), target, value)
        for target, values in zip("tuvw", rows, strict=False)
        for source, value in zip("abcd", values, strict=False)
    )


def test_first_order_affinities_are_divided_by_their_sum():
    matrix = affinity_matrix(
        [
            Transfer(("a",), "t", 0.25),
            Transfer(("self",), "t", 0.5),
            Transfer(("a", "b"), "t", 0.25),
            Transfer(("b",), "u", 0.3),
        ]
    )

    assert matrix.targets == ("t", "u")
    assert matrix.sources == ("a", "b", "self")
    expected = [[1 / 3, np.nan, 2 / 3], [np.nan, 1, np.nan]]
    np.testing.assert_allclose(matrix.values, expected)
    # exp(-20 / 3)
    assert matrix.dissimilarities()[0, 0] == pytest.approx(0.00127263, rel=1e-5)


def test_sources_that_transfer_alike_are_near_in_the_tree():
    matrix = matrix_of([[0.4, 0.4, 0.1, 0.1], [0.1, 0.1, 0.4, 0.4]])

    tree = task_tree(matrix)

    assert tree.clusters(2) == [frozenset("ab"), frozenset("cd")]
    # a and b are equal; Ward's distance of two pairs is sqrt(2) that of their means.
    far, near = np.exp(-2), np.exp(-8)
    distance = np.sqrt(2) * np.sqrt(2) * (far - near)
    np.testing.assert_allclose(tree.merges[:, 2], [0, 0, distance], atol=1e-12)


def test_a_tree_leaves_sources_out():
    matrix = affinity_matrix(
        Transfer((s,), "t", 0.2) for s in ("a", "b", "c", "self", "d")
    )

    assert task_tree(matrix, ("self", "c")).sources == ("a", "b", "d")


def test_a_tree_needs_every_transfer():
    matrix = affinity_matrix([Transfer(("a",), "t", 0.5), Transfer(("b",), "u", 0.5)])

    with pytest.raises(UsageError, match="no transfer from 'a' to 'u'"):
        task_tree(matrix)
    with pytest.raises(UsageError, match="needs two sources, found 1"):
        task_tree(matrix, ("b",))
