"""Pictures are resized as clean-fid and torch-fidelity do, and have their features.

Needs the extra `parity`; all tests are skipped without it. They also run where Keras
has PyTorch for its backend.
"""

import numpy as np
import pytest
import torch_files

from cai_keras.generation.extractors import load_extractor
from cai_keras.generation.resizing import resize_pictures
from cai_keras.networks.fid_inception import build_fid_inception

SIZES = [(28, 28), (32, 40), (299, 299), (400, 321)]


def needed(module):
    return pytest.importorskip(
        module,
        reason=f"{module} is missing: pip install 'cai-keras[parity]'",
        exc_type=ImportError,
    )


def pictures(height, width):
    shape = (2, height, width, 3)
    return np.random.default_rng(height).integers(0, 256, shape, np.uint8)


@pytest.fixture
def report(record_property):
    """Largest difference as a share of the largest value; kept, and shown with -s."""

    def compare(name, ours, theirs):
        difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
        record_property(name, float(difference))
        print(f"\n{name}: largest difference {difference:.1e} of the largest value")
        return difference

    return compare


@pytest.mark.parametrize("size", SIZES)
def test_clean_bicubic_is_clean_fid_s(size, report):
    resize = needed("cleanfid.resize").build_resizer("clean")
    found = pictures(*size)

    ours = resize_pictures(found, 299, 299, "clean_bicubic")

    theirs = np.stack([resize(picture) for picture in found])
    assert report(f"clean_bicubic {size}", ours, theirs) <= 1e-6


@pytest.mark.parametrize("size", SIZES)
def test_tf1_bilinear_is_torch_fidelity_s(size, report):
    torch = needed("torch")
    theirs = needed("torch_fidelity.interpolate_compat_tensorflow")
    found = pictures(*size).astype("float32")

    ours = resize_pictures(found, 299, 299, "tf1_bilinear")

    resized = theirs.interpolate_bilinear_2d_like_tensorflow1x(
        torch.from_numpy(found.transpose(0, 3, 1, 2)), (299, 299), align_corners=False
    )
    expected = resized.numpy().transpose(0, 2, 3, 1)
    assert report(f"tf1_bilinear {size}", ours, expected) <= 1e-6


@pytest.fixture(scope="module")
def random_file(tmp_path_factory):
    """Random weights, saved by PyTorch as the published file was."""
    torch = needed("torch")
    tensors = torch_files.random_inception(build_fid_inception())
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def test_features_and_probabilities_are_torch_fidelity_s(random_file, report):
    torch = needed("torch")
    module = needed("torch_fidelity.feature_extractor_inceptionv3")
    names = ["2048", "logits_unbiased", "logits"]
    theirs = module.FeatureExtractorInceptionV3(
        "random", names, feature_extractor_weights_path=str(random_file)
    )
    found = pictures(41, 57)

    features, probabilities = load_extractor(f"inception_fid:{random_file}")(found)

    with torch.no_grad():
        outputs = theirs(torch.from_numpy(found.transpose(0, 3, 1, 2).copy()))
    expected = dict(zip(names, outputs, strict=True))
    assert report("pool3", features, expected["2048"].numpy()) <= 1e-4
    scores = torch.softmax(expected["logits_unbiased"], dim=1).numpy()
    assert report("softmax without bias", probabilities, scores) <= 1e-3


def test_logits_with_the_bias_are_torch_fidelity_s(random_file, report):
    torch = needed("torch")
    module = needed("torch_fidelity.feature_extractor_inceptionv3")
    weights = needed("cai_keras.networks.fid_inception_weights")
    theirs = module.FeatureExtractorInceptionV3(
        "random", ["logits"], feature_extractor_weights_path=str(random_file)
    )
    network, _ = weights.load_fid_inception(random_file)
    found = pictures(299, 299)

    ours = network.predict_on_batch(found.astype("float32"))["logits"]

    with torch.no_grad():
        (logits,) = theirs(torch.from_numpy(found.transpose(0, 3, 1, 2).copy()))
    assert report("logits", ours, logits.numpy()) <= 1e-4
