"""Pictures that are weights: what optimisation-based methods learn."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="cai_keras")
class LearnedPictures(keras.layers.Layer):
    """Looks pictures up by their number; their pixels are trained.

    Gatys et al. 2016 minimise a loss over the pixels of a picture: with this layer that
    is training, and a picture is saved, restored and distributed as any weight is.
    Pixels start at 0.5, mid grey; assign `pictures` to start elsewhere. Nothing keeps
    them in [0, 1].

    Args:
        count: number of pictures.
        height, width: of each, in pixels.
        channels: 3 for colours.

    Call:
        inputs: int (batch,), numbers of pictures from 0.
        Returns: (batch, height, width, channels).
    """

    def __init__(
        self, count: int, height: int, width: int, channels: int = 3, **kwargs
    ):
        super().__init__(**kwargs)
        self.count = count
        self.height = height
        self.width = width
        self.channels = channels

    def build(self, input_shape):
        self.pictures = self.add_weight(
            shape=(self.count, self.height, self.width, self.channels),
            initializer=keras.initializers.Constant(0.5),
            name="pictures",
        )

    def call(self, inputs):
        # Behind a reshape TensorFlow makes the gradient dense: optimizers and L-BFGS
        # need all pixels, and a gather of the weight itself would give it in slices.
        rows = ops.reshape(self.pictures, (self.count, -1))
        found = ops.take(rows, ops.cast(inputs, "int32"), axis=0)
        return ops.reshape(found, (-1, self.height, self.width, self.channels))

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.height, self.width, self.channels)

    def get_config(self):
        return {
            **super().get_config(),
            "count": self.count,
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
        }
