"""How a mask acts on features."""

import keras

GATES = {
    "attention_residual": lambda trunk, mask: trunk + trunk * mask,
    "naive": lambda trunk, mask: trunk * mask,
}


@keras.saving.register_keras_serializable(package="cai_keras")
class MaskGate(keras.layers.Layer):
    """Features T under a mask M: H = (1 + M) T, or H = M T.

    Wang et al. 2017 (arXiv:1704.06904), equations 1 (`naive`) and 3
    (`attention_residual`). A naive mask in (0, 1) can only weaken: n modules of mask
    1/2 leave 2^-n of a feature; the residual form can be the identity.

    Args:
        form: `attention_residual` or `naive`.

    Call:
        inputs: [trunk, mask], float (batch, height, width, channels) each.
        Returns: float of the same shape.
    Raises:
        ValueError: an unknown form, or not two maps of one shape.
    """

    def __init__(self, form="attention_residual", **kwargs):
        super().__init__(**kwargs)
        if form not in GATES:
            raise ValueError(
                f"MaskGate: form must be one of {', '.join(GATES)}; received {form!r}"
            )
        self.form = form

    def build(self, input_shape):
        if len(input_shape) != 2 or tuple(input_shape[0]) != tuple(input_shape[1]):
            raise ValueError(
                f"MaskGate needs [trunk, mask] of one shape; received {input_shape}"
            )

    def call(self, inputs):
        trunk, mask = inputs
        return GATES[self.form](trunk, mask)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "form": self.form}
