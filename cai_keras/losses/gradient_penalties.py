"""Penalties on a discriminator's slope: functions of its gradient by its input.

`cai_keras.training.input_gradient.input_gradients` gives that gradient.
"""

from keras import ops


def interpolate(real, fake, mix):
    """Points between real and generated examples, where WGAN-GP looks at the slope.

    Gulrajani et al. 2017 (arXiv:1704.00028), Algorithm 1:
        mix * real + (1 - mix) * fake

    Args:
        real, fake: float (batch, ...), of one shape.
        mix: float (batch,), uniform in [0, 1] in the paper; passed in so that it is the
            batch's, the same for any number of replicas.
    Returns:
        float (batch, ...).
    Raises:
        ValueError: `real` and `fake` differ in shape.
    """
    if tuple(real.shape[1:]) != tuple(fake.shape[1:]):
        raise ValueError(
            f"real and fake must have one shape; received {tuple(real.shape)} and "
            f"{tuple(fake.shape)}"
        )
    mix = ops.reshape(ops.cast(mix, real.dtype), (-1, *(1,) * (len(real.shape) - 1)))
    return mix * real + (1.0 - mix) * fake


def gradient_penalty(slopes, target: float = 1.0):
    """Squared distance of the slope's length from 1, one value per example.

    Gulrajani et al. 2017 (arXiv:1704.00028), equation 3:
        (|grad_x D(x)|_2 - 1)^2

    Args:
        slopes: grad_x D(x), float (batch, ...).
        target: length that is not punished; 0 in some follow-ups.
    Returns:
        float32 (batch,), unweighted: lambda = 10 is in the paper's recipe.
    """
    # The root of 0 has no gradient; the smallest normal number has a large one that is
    # multiplied by 0.
    lengths = ops.sqrt(ops.maximum(_squared_lengths(slopes), 1e-30))
    return ops.square(lengths - target)


def r1_penalty(slopes):
    """Half the squared length of the slope at real examples, one value per example.

    Mescheder, Geiger and Nowozin 2018 (arXiv:1801.04406), equation 9, without gamma:
        1/2 |grad_x D(x)|^2

    Args:
        slopes: grad_x D(x), float (batch, ...), x from the data.
    Returns:
        float32 (batch,).
    """
    return 0.5 * _squared_lengths(slopes)


def _squared_lengths(slopes):
    axes = tuple(range(1, len(slopes.shape)))
    return ops.sum(ops.square(ops.cast(slopes, "float32")), axis=axes)
