"""A discriminator against a generator that stays as it is."""

from cai_keras.training.adversarial import AdversarialLearner


class FixedGeneratorLearner(AdversarialLearner):
    """Learns the discriminator alone: the inner loop of Algorithm 1, without end.

    With enough of it D(x) = p(x) / (p(x) + q(x)) (Proposition 1). The generator is not
    in any update.
    """

    def updates(self):
        return super().updates()[:1]
