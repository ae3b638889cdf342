"""Checkpoints: what is kept, and what damage does."""

import keras
import numpy as np
import pytest

from cai_keras.errors import RunError
from cai_keras.training.checkpoint import CheckpointStore


def variables(value=0.0):
    return {
        "net/0000/a/kernel": keras.Variable(np.full((2, 3), value, "float32")),
        "optimizer/iteration": keras.Variable(int(value), dtype="int64"),
    }


def fill(state, value):
    for variable in state.values():
        variable.assign(np.full(variable.shape, value))


def written(folder, steps, keep=5):
    """A store with a checkpoint for every step, whose values are the step."""
    state = variables()
    store = CheckpointStore(folder, state, keep)
    for step in steps:
        fill(state, step)
        store.save(step, seconds=step / 2)
    return store


def damage(folder, step, how):
    for path in folder.glob(f"ckpt-{step}.{how[0]}*"):
        content = path.read_bytes()
        how[1](path, content)


DAMAGE = {
    "data_missing": ("data", lambda path, content: path.unlink()),
    "data_cut": ("data", lambda path, content: path.write_bytes(content[:5])),
    "data_flipped": (
        "data",
        lambda path, content: path.write_bytes(bytes(255 - b for b in content)),
    ),
    "index_cut": ("index", lambda path, content: path.write_bytes(content[:20])),
    "index_empty": ("index", lambda path, content: path.write_bytes(b"")),
    "index_missing": ("index", lambda path, content: path.unlink()),
}


def test_a_new_store_has_nothing_and_creates_no_folder(tmp_path):
    store = CheckpointStore(tmp_path / "checkpoints", variables(), 2)
    assert store.newest is None
    assert store.restore() == []
    assert int(store.step) == 0
    assert not (tmp_path / "checkpoints").exists()


def test_restore_gives_back_values_step_and_seconds(tmp_path):
    written(tmp_path, [4, 8])
    state = variables()
    store = CheckpointStore(tmp_path, state, 5)
    assert store.restore() == []
    assert (int(store.step), float(store.seconds)) == (8, 4.0)
    for variable in state.values():
        np.testing.assert_array_equal(variable.numpy(), np.full(variable.shape, 8))


def test_only_the_newest_are_kept(tmp_path):
    store = written(tmp_path, [1, 2, 3, 4], keep=2)
    assert sorted(p.name for p in tmp_path.glob("*.index")) == [
        "ckpt-3.index", "ckpt-4.index"
    ]  # fmt: skip
    assert store.newest.endswith("ckpt-4")


@pytest.mark.parametrize("how", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, how):
    written(tmp_path, [4, 8])
    damage(tmp_path, 8, how)
    state = variables()
    store = CheckpointStore(tmp_path, state, 5)
    problems = store.restore()
    assert int(store.step) == 4
    np.testing.assert_array_equal(
        state["net/0000/a/kernel"].numpy(), np.full((2, 3), 4)
    )
    assert len(problems) == 1
    assert "ckpt-8 cannot be read" in problems[0]


@pytest.mark.parametrize("how", DAMAGE.values(), ids=DAMAGE.keys())
def test_without_a_readable_checkpoint_the_run_stops(tmp_path, how):
    written(tmp_path, [4, 8])
    damage(tmp_path, 4, how)
    damage(tmp_path, 8, how)
    with pytest.raises(RunError, match="no other checkpoint is left"):
        CheckpointStore(tmp_path, variables(), 5).restore()


def test_a_checkpoint_of_other_variables_is_refused(tmp_path):
    written(tmp_path, [4])
    state = {**variables(), "net/0001/new": keras.Variable(1.0)}
    with pytest.raises(RunError, match="cannot be read"):
        CheckpointStore(tmp_path, state, 5).restore()


def test_saving_after_a_fall_back_replaces_the_damaged_one(tmp_path):
    written(tmp_path, [4, 8])
    damage(tmp_path, 8, DAMAGE["data_cut"])
    state = variables()
    store = CheckpointStore(tmp_path, state, 5)
    store.restore()
    fill(state, 8)
    store.save(8, 1.0)
    again = CheckpointStore(tmp_path, variables(), 5)
    assert again.restore() == []
    assert int(again.step) == 8


# The best checkpoint


def with_best(folder, step, value):
    """A store that saved its best checkpoint at a step, with the step as values."""
    state = variables(step)
    store = CheckpointStore(folder, state, keep=2)
    store.save_best(step, seconds=1.0, value=value)
    return store


def values_of(state):
    return {float(np.max(variable.numpy())) for variable in state.values()}


def test_only_one_best_checkpoint_is_kept(tmp_path):
    store = with_best(tmp_path, 4, value=0.5)
    store.save_best(8, seconds=2.0, value=0.25)
    assert [p.name for p in (tmp_path / "best").glob("*.index")] == ["ckpt-8.index"]
    assert store.best == f"{tmp_path}/best/ckpt-8"


def test_the_best_and_the_newest_are_restored_apart(tmp_path):
    with_best(tmp_path, 4, value=0.5)
    written(tmp_path, [8])
    state = variables()
    store = CheckpointStore(tmp_path, state, 2)
    assert store.restore() == []
    assert values_of(state) == {8.0}
    assert store.restore(best=True) == []
    assert (values_of(state), int(store.step)) == ({4.0}, 4)
    assert float(store.best_value) == 0.5


def test_the_newest_checkpoint_remembers_the_best_value(tmp_path):
    store = with_best(tmp_path, 4, value=0.5)
    store.save(8, seconds=2.0)
    again = CheckpointStore(tmp_path, variables(), 2)
    assert np.isnan(float(again.best_value))
    again.restore()
    assert float(again.best_value) == 0.5


def test_a_best_checkpoint_is_no_newest_one(tmp_path):
    store = with_best(tmp_path, 4, value=0.5)
    assert store.newest is None
    assert CheckpointStore(tmp_path, variables(), 2).restore() == []


def test_a_damaged_best_checkpoint_is_refused(tmp_path):
    with_best(tmp_path, 4, value=0.5)
    damage(tmp_path / "best", 4, DAMAGE["index_cut"])
    written(tmp_path, [8])
    with pytest.raises(RunError, match="/best/ckpt-4 cannot be read"):
        CheckpointStore(tmp_path, variables(), 2).restore(best=True)


# What a killed process leaves


def leftovers(folder):
    """Files of a checkpoint that was never finished."""
    half = folder / "ckpt-8_temp"
    half.mkdir()
    (half / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    (folder / "ckpt-8.data-00000-of-00001").write_bytes(b"whole, but without an index")
    (folder / "checkpoint.tmp0123").write_text('model_checkpoint_path: "ckp')


def test_a_checkpoint_that_is_not_in_the_list_is_not_looked_at(tmp_path):
    written(tmp_path, [4])
    leftovers(tmp_path)
    state = variables()
    store = CheckpointStore(tmp_path, state, 5)
    assert store.restore() == []
    assert (int(store.step), values_of(state)) == (4, {4.0})


def test_it_is_written_over_by_the_next_one_of_its_step(tmp_path):
    store = written(tmp_path, [4])
    leftovers(tmp_path)
    store.save(8, seconds=1.0)
    assert CheckpointStore(tmp_path, variables(), 5).restore() == []
    assert not (tmp_path / "ckpt-8_temp").exists()


# Workers that only read


def test_a_worker_that_only_reads_writes_nothing_and_restores_all(tmp_path):
    written(tmp_path, [4])
    before = sorted(path.name for path in tmp_path.iterdir())
    state = variables()
    store = CheckpointStore(tmp_path, state, 5, writes=False)
    store.restore()
    assert values_of(state) == {4.0}
    store.save(8, seconds=1.0)
    store.save_best(8, seconds=1.0, value=0.5)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
