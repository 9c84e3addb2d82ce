"""Which feature each column that a model sees was made from."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder


def sources(prepare: ColumnTransformer) -> list[str]:
    """Return the feature's name for each column that a fitted preprocessing of `estimators.build` makes, in order.

    A category's column comes from the text, a flag of gaps from the number; a number without any value has no column.
    """
    found: list[str] = []
    for _, step, columns in prepare.transformers_:
        if isinstance(step, OneHotEncoder):
            found += np.repeat(columns, [len(kinds) for kinds in step.categories_]).tolist()
        elif isinstance(step, Pipeline):
            imputer = step[0]
            found += [name for name, fill in zip(columns, imputer.statistics_, strict=True) if not np.isnan(fill)]
            found += [columns[place] for place in imputer.indicator_.features_]
        elif step != "drop":
            found += columns
    return found
