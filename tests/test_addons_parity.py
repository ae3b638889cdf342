"""Every replacement of tensorflow-addons gives what the original gave."""

import ast
import re
from pathlib import Path

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the golden values are TensorFlow's", allow_module_level=True)

from benchmarks.addons import parity
from benchmarks.addons.inputs import CASES, factors_for
from benchmarks.addons.replacements import REPLACEMENTS, Replacement
from cai_keras.errors import GateError

ROOT = Path(__file__).parents[1]
NAMES = [case.name for case in CASES]


@pytest.mark.parametrize("name", NAMES)
def test_a_replacement_gives_the_originals_values_and_gradients(name):
    found = parity.differences(name, parity.golden_values(name))

    assert found
    assert max(found.values()) <= REPLACEMENTS[name].tolerance, found


def test_every_case_has_a_replacement_and_golden_values():
    timings = parity.golden_timings()

    assert sorted(REPLACEMENTS) == sorted(NAMES) == sorted(timings["cases"])
    assert timings["machine"]["versions"]["tensorflow-addons"] == "0.23.0"
    for case in CASES:
        golden = parity.golden_values(case.name)
        assert golden.outputs
        assert timings["cases"][case.name]["original"] == f"tfa.{case.original}"
        for array in (*golden.outputs.values(), *golden.gradients.values()):
            assert np.isfinite(array).all()
            assert array.dtype in ("float32", "int32")


def test_a_tolerance_that_is_not_rounding_has_its_reason():
    for name, replacement in REPLACEMENTS.items():
        assert replacement.tolerance <= 1e-4
        assert (replacement.tolerance == 2e-5) == (replacement.why == ""), name


def test_the_golden_file_is_small_and_has_no_pickles():
    path = parity.FOLDER / "golden.npz"

    assert path.stat().st_size < 300_000
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].size for name in file.files)


def test_the_gradient_of_a_transformation_is_exact_here_and_approximate_there():
    # y = T x is linear in the images, so that <f, y> = <df.y/dx, x>.
    golden = parity.golden_values("rotate")
    output, gradient = golden.outputs["y"], golden.gradients["images"]
    product = np.sum(factors_for("rotate", "y", output.shape) * output)
    ours = gradient_of_the_replacement("rotate", golden)

    assert np.sum(ours * golden.inputs["images"]) == pytest.approx(product, rel=1e-4)
    theirs = np.sum(gradient * golden.inputs["images"])
    assert abs(theirs - product) > 0.01 * abs(product)


def gradient_of_the_replacement(name, golden):
    prepared = REPLACEMENTS[name].prepare(golden.inputs, {})

    def factors(output, shape):
        return factors_for(name, output, shape)

    _, gradients = parity.values_of(prepared, factors)
    return gradients["images"]


def test_a_replacement_that_is_wrong_is_found_out(monkeypatch):
    right = REPLACEMENTS["softshrink"]

    def prepare(arrays, settings):
        found = right.prepare(arrays, settings)
        return parity_prepared(lambda: {"y": 1.01 * found.call()["y"]}, found.watched)

    wrong = Replacement("somewhere", prepare)
    monkeypatch.setitem(parity.REPLACEMENTS, "softshrink", wrong)
    found = parity.differences("softshrink", parity.golden_values("softshrink"))

    # 1 % more, of the output and of its gradient.
    assert found == pytest.approx({"output/y": 0.01, "gradient/x": 0.01}, rel=1e-4)
    monkeypatch.setattr(parity, "time_calls", lambda *_: {"forward": [1.0, 1.0]})
    with pytest.raises(GateError, match="their tolerance: softshrink"):
        parity.run(["softshrink"], rounds=2)


def parity_prepared(call, watched):
    from benchmarks.addons.graph import Prepared

    return Prepared(call, watched)


def test_a_relative_difference_is_worked_out_by_hand():
    # 1 of 4; of nothing but zeros the difference itself.
    assert (
        parity.relative_difference(np.array([1.0, 3.0]), np.array([2.0, 4.0])) == 0.25
    )
    assert parity.relative_difference(np.array([0.5]), np.array([0.0])) == 0.5
    with pytest.raises(ValueError, match="shapes"):
        parity.relative_difference(np.zeros((2, 1)), np.zeros(2))


def test_speeds_are_ratios_of_medians():
    ours = {"forward": [0.001, 0.002, 0.002], "forward_backward": [0.004] * 3}
    theirs = {"forward": [0.004, 0.004, 0.006]}

    # 4 ms over 2 ms; the second pass has no counterpart.
    (row,) = parity.speeds(ours, theirs).items()
    name, found = row
    assert name == "forward"
    assert found["speed_over_original"] == pytest.approx(2.0)
    assert found["milliseconds"] == pytest.approx(2.0)
    low, high = found["interval_95"]
    # The smallest median over the largest, and the other way round.
    assert low == pytest.approx(2.0)
    assert 2.0 < high <= 6.0


def test_the_machines_are_named_and_a_ratio_across_them_is_called_one():
    here = {"cpu": "A", "intra_op_threads": 2, "versions": {"tensorflow": "2.21.0"}}
    there = {**here, "cpu": "B", "versions": {"tensorflow": "2.15.1"}}

    lines = parity.machine_lines({"ours": here, "original": there})
    assert lines == [
        "original: B, 2 threads, TensorFlow 2.15.1",
        "replacement: A, 2 threads, TensorFlow 2.21.0",
        "ratios are of two machines, not of calls that took turns",
    ]
    again = parity.machine_lines({"ours": here, "original": here})
    assert "two processes on machines of one kind" in again[-1]


def test_the_scripts_of_the_other_environment_import_nothing_of_the_project():
    for name in ("inputs", "graph", "originals", "original_optimizers", "reference"):
        tree = ast.parse((parity.FOLDER / f"{name}.py").read_text())
        modules = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                modules.add(node.module)
        assert not {
            m for m in modules if m.split(".")[0] in ("benchmarks", "cai_keras")
        }


def test_the_document_has_every_case_and_every_part_of_the_original():
    text = (ROOT / "docs" / "addons.md").read_text()

    for case in CASES:
        assert f"`tfa.{case.original}`" in text, case.name
        assert f"`{REPLACEMENTS[case.name].place}`" in text, case.name
    for part in PUBLIC.split():
        assert re.search(rf"\b{part}\b", text), part


# Everything public in tensorflow-addons 0.23.0 but its functions that a class wraps.
PUBLIC = """
gelu hardshrink lisht mish rrelu snake softshrink sparsemax tanhshrink
AverageModelCheckpoint TQDMProgressBar TimeStopping
adjust_hsv_in_yiq angles_to_projective_transforms blend compose_transforms
connected_components cutout dense_image_warp equalize euclidean_dist_transform
gaussian_filter2d interpolate_bilinear interpolate_spline mean_filter2d
median_filter2d random_cutout random_hsv_in_yiq resampler rotate sharpness shear_x
shear_y sparse_image_warp transform translate translate_xy
translations_to_projective_transforms
AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D CRF CorrelationCost ESN
EmbeddingBag FilterResponseNormalization GELU GroupNormalization InstanceNormalization
MaxUnpooling2D MaxUnpooling2DV2 Maxout MultiHeadAttention NoisyDense PoincareNormalize
PolynomialCrossing Snake Sparsemax SpatialPyramidPooling2D SpectralNormalization
StochasticDepth TLU WeightNormalization
ContrastiveLoss GIoULoss LiftedStructLoss NpairsLoss NpairsMultilabelLoss PinballLoss
SigmoidFocalCrossEntropy SparsemaxLoss TripletHardLoss TripletSemiHardLoss
WeightedKappaLoss
CohenKappa F1Score FBetaScore GeometricMean HammingLoss HarmonicMean KendallsTauB
KendallsTauC MatthewsCorrelationCoefficient MeanMetricWrapper MultiLabelConfusionMatrix
PearsonsCorrelation RSquare SpearmansRank
AdaBelief AdamW AveragedOptimizerWrapper COCOB ConditionalGradient CyclicalLearningRate
DecoupledWeightDecayExtension ExponentialCyclicalLearningRate LAMB LazyAdam Lookahead
MovingAverage MultiOptimizer NovoGrad ProximalAdagrad RectifiedAdam SGDW SWA
Triangular2CyclicalLearningRate TriangularCyclicalLearningRate Yogi
rnn seq2seq text
"""
