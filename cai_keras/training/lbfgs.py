"""L-BFGS as SciPy has it, asked and told from outside.

`scipy.optimize.minimize` calls its objective; a training loop wants to call the
minimiser instead, one evaluation at a time, so that it can log and stop between two.
The minimiser runs in a thread of its own that waits while the loop computes.
"""

import queue
import threading

import keras
import numpy as np
from scipy import optimize

from cai_keras.errors import UsageError

_MANY = 10**9


class WholePhaseLbfgs(keras.optimizers.Optimizer):
    """Stands for L-BFGS where an update names its optimizer.

    The engine recognises it and minimises the whole phase by `lbfgs_loop.LbfgsLoop`;
    it cannot take single steps.

    Args:
        memory: pairs of vectors that are remembered.
    """

    def __init__(self, memory: int, **kwargs):
        super().__init__(learning_rate=1.0, **{"name": "lbfgs", **kwargs})
        self.memory = memory

    def update_step(self, gradient, variable, learning_rate):
        raise UsageError("optimizer lbfgs: only the engine can minimise a whole phase")

    def get_config(self):
        return {"name": self.name, "memory": self.memory}


def minimises_whole_phase(learner) -> bool:
    """Whether one of the learner's updates has L-BFGS for an optimizer."""
    return any(
        isinstance(getattr(optimizer, "inner_optimizer", optimizer), WholePhaseLbfgs)
        for optimizer in learner.update_optimizers.values()
    )


class Minimisation:
    """One unconstrained minimisation (Liu and Nocedal 1989), in float64.

    Args:
        start: vector to begin at.
        memory: pairs of vectors that are remembered.

    Attributes:
        accepted: the newest point that a line search has accepted; `start` at first.

    Example:
        search = Minimisation(np.zeros(3), memory=10)
        while (x := search.ask()) is not None:
            search.tell(value(x), gradient(x))
    """

    def __init__(self, start: np.ndarray, memory: int):
        self.accepted = np.array(start, np.float64)
        self._questions: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()
        self._has_ended = False
        # A daemon: a run that is stopped leaves it waiting.
        self._thread = threading.Thread(
            target=self._minimise, args=(self.accepted.copy(), memory), daemon=True
        )
        self._thread.start()

    def ask(self) -> np.ndarray | None:
        """The point to evaluate next; None when no better one can be found."""
        if self._has_ended:
            return None
        question = self._questions.get()
        self._has_ended = question is None
        if isinstance(question, Exception):
            raise question
        return question

    def tell(self, value: float, gradient: np.ndarray) -> None:
        """The objective at the point that was asked for."""
        self._answers.put((float(value), np.asarray(gradient, np.float64)))

    def close(self) -> None:
        """Ends the thread, whatever it waits for."""
        self._answers.put(None)
        self._thread.join()

    def _minimise(self, start, memory: int) -> None:
        def accept(point):
            self.accepted = np.array(point)

        try:
            optimize.minimize(
                self._evaluate,
                start,
                jac=True,
                method="L-BFGS-B",
                callback=accept,
                # It ends when the phase does, or when no step makes it better.
                options={
                    "maxcor": memory,
                    "maxiter": _MANY,
                    "maxfun": _MANY,
                    "ftol": 0.0,
                    "gtol": 0.0,
                },
            )
        except _Closed:
            return
        except Exception as error:
            self._questions.put(error)
        self._questions.put(None)

    def _evaluate(self, point):
        self._questions.put(np.array(point))
        answer = self._answers.get()
        if answer is None:
            raise _Closed
        return answer


class _Closed(Exception):  # noqa: N818  (ends a thread, no error)
    pass
