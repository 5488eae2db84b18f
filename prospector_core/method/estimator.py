"""What estimators here share with scikit-learn's, without importing it.

That takes longer than most commands.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Self

__all__ = ["Estimator", "unfitted"]


class Estimator:
    """Parameters as scikit-learn has them.

    They are those of ``__init__``, kept under their names; its ``clone`` works.

    Raises ValueError for a parameter that is not there.
    """

    @classmethod
    def _names(cls) -> list[str]:
        """Names of the parameters."""
        if cls.__init__ is object.__init__:
            return []
        return sorted(set(inspect.signature(cls.__init__).parameters) - {"self"})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """{name: value}; ``deep``: also those of estimators among them, as "name__parameter"."""
        found: dict[str, Any] = {}
        for name in self._names():
            found[name] = value = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                found |= {f"{name}__{inner}": each for inner, each in value.get_params().items()}
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also of estimators among them. Returns the estimator."""
        nested: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            own, _, inner = name.partition("__")
            if own not in self._names():
                raise ValueError(
                    f"{type(self).__name__} has no parameter {own!r}: it has {', '.join(self._names())}"
                )
            if inner:
                nested.setdefault(own, {})[inner] = value
            else:
                setattr(self, own, value)
        for own, values in nested.items():
            getattr(self, own).set_params(**values)
        return self

    def __repr__(self) -> str:
        defaults = {
            name: each.default for name, each in inspect.signature(type(self).__init__).parameters.items()
        }
        params = self.get_params(deep=False)
        changed = [
            f"{name}={value!r}" for name, value in params.items() if repr(value) != repr(defaults.get(name))
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of estimators in its pipelines."""
        from sklearn.base import BaseEstimator

        return BaseEstimator().__sklearn_tags__()


def unfitted(estimator: Any) -> Any:
    """A new estimator with the same parameters: also of estimators among them."""
    params = estimator.get_params(deep=False)
    for name, value in params.items():
        if hasattr(value, "get_params") and not isinstance(value, type):
            params[name] = unfitted(value)
    return type(estimator)(**params)
