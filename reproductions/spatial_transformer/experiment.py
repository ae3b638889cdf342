"""Spatial transformers: before a classifier, or alone to find what images share."""

from dataclasses import replace

import numpy as np

from cai_keras.errors import choose
from cai_keras.reporting.record import Metric
from cai_keras.training.experiment import Experiment, Phase
from cai_keras.training.inference import predict_in_batches
from cai_keras.training.optimizers import make_rules

from . import data, evaluate, figures, model, sampling
from .learner import Classifier, Colocaliser
from .sampling import Task

_MEAN_OF = 2000  # images in the figure of mean images


def networks(recipe) -> dict:
    """The networks of a variant, for parameter counts."""
    make_networks, _ = choose(
        "model.learning_rule", recipe.model.learning_rule, LEARNING_RULES
    )
    return make_networks(recipe, Task.of(recipe))


def build(recipe, seed: int) -> Experiment:
    """One variant: its data, its networks, and what it is to learn."""
    _, make_experiment = choose(
        "model.learning_rule", recipe.model.learning_rule, LEARNING_RULES
    )
    task = Task.of(recipe)
    digits = data.load_digits(recipe.data.spec, task.settings.digit_side)
    return make_experiment(recipe, task, digits, networks(recipe), seed)


def _classifier_networks(recipe, task: Task) -> dict:
    shape = (task.side, task.side, task.digits)
    return model.build_networks(shape, task.num_classes, recipe.model)


def _classification(recipe, task, digits, built, seed: int) -> Experiment:
    logits, transformers = model.connect(built, recipe.model.transforms)
    batch_size = recipe.data.batch_size
    batches = sampling.distorted_batches(digits.train, task, batch_size, seed)
    steps = recipe.train.total_steps
    learner = Classifier(built, make_rules(recipe.train.optimizers, steps), logits)
    chosen = np.arange(len(digits.test.first(recipe.evaluate.test_images).labels))
    test = data.make_test_set(digits.test, task, chosen)
    size = recipe.evaluate.batch_size
    finds_angles = recipe.model.transforms == ["affine"] and task.has_angle

    def measure():
        found = evaluate.errors(logits, test, size)
        if finds_angles:
            theta = predict_in_batches(transformers[0].theta, test.images, size)
            angle = evaluate.angle_correlation(theta, test.angles)
            found["angle_correlation"] = Metric.of(angle, len(test.labels))
        return found

    return Experiment(
        phases=(Phase(learner, batches, steps, batch_size),),
        evaluators={"test": measure},
        figures=_figures(transformers, test, size),
        dataset=_described(digits.info, test),
    )


def _colocalisation_networks(recipe, task: Task) -> dict:
    (transform,) = recipe.model.transforms
    shape, small = ((side, side, 1) for side in (task.side, task.settings.digit_side))
    filters, kernels = recipe.model.encoder.filters, recipe.model.kernels
    return {
        "encoder": model.build_cnn(filters, small, task.num_classes, kernels),
        "localisation": model.build_localisation(shape, transform, recipe.model),
    }


def _colocalisation(recipe, task, digits, built, seed: int) -> Experiment:
    """The images that are searched are also those that are judged, as in the paper.

    Their class is known, the places of the digits are not used.
    """
    encoder, side = built["encoder"], task.settings.digit_side
    (transform,) = recipe.model.transforms
    transformer = model.connect_transformer(built["localisation"], transform, side)
    of_class = np.flatnonzero(digits.train.labels == recipe.data.digit)
    test = data.make_test_set(digits.train, task, of_class[: recipe.data.images], seed)
    batch_size, size = recipe.data.batch_size, recipe.evaluate.batch_size

    def measure():
        theta = predict_in_batches(transformer.theta, test.images, size)
        overlap = evaluate.overlap_percent(theta, test, side)
        return {"overlap_percent": Metric.of(overlap, len(test.labels))}

    encoder_steps, steps = recipe.model.encoder.steps, recipe.train.total_steps
    learner = Classifier(
        {"encoder": encoder},
        make_rules(recipe.train.optimizers, encoder_steps),
        encoder,
    )
    colocaliser = Colocaliser(
        built,
        make_rules(recipe.train.optimizers, steps),
        transformer.view,
        model.connect_features(encoder),
        recipe.model.hinge_margin,
    )
    triplets = sampling.triplet_batches(test.images, side, batch_size, seed)
    plain = digits.train.batches(batch_size, seed)
    return Experiment(
        phases=(
            Phase(learner, plain, encoder_steps, batch_size),
            Phase(colocaliser, triplets, steps, batch_size),
        ),
        evaluators={"test": measure},
        figures=_figures((transformer,), test, size),
        dataset=_described(digits.info, test),
    )


LEARNING_RULES = {
    "classification": (_classifier_networks, _classification),
    "colocalisation": (_colocalisation_networks, _colocalisation),
}


def _described(info, test):
    """The record's data set, with as many test images as are judged."""
    return replace(info, examples={**info.examples, "test": len(test.labels)})


def _figures(transformers, test, batch_size: int) -> dict:
    """What a run with transformers draws."""
    if not transformers:
        return {}

    def transformations():
        chosen = figures.ten_images(test.labels)
        images = test.images[chosen]
        thetas = [np.asarray(t.theta(images)) for t in transformers]
        grids = [
            np.asarray(t.layer.grid((images, theta)))
            for t, theta in zip(transformers, thetas, strict=True)
        ]
        views = [np.asarray(t.view(images)) for t in transformers]
        return figures.draw_transformations(images, grids, views)

    def mean_images():
        images, labels = test.images[:_MEAN_OF], test.labels[:_MEAN_OF]
        views = predict_in_batches(transformers[0].view, images, batch_size)
        return figures.draw_mean_images(images, views, labels)

    if len(transformers) > 1:  # the mean of sums of digits says nothing
        return {"transformations": transformations}
    return {"transformations": transformations, "mean_images": mean_images}
