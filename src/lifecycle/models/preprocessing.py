"""Preprocess features for a model: encode text, fill gaps; and name the feature that each column comes from."""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def preparation(features: pd.DataFrame, scaled: bool) -> ColumnTransformer:
    """Return unfitted preprocessing: text is encoded, and where `scaled` numbers are scaled and their gaps filled."""
    numeric = [name for name in features if pd.api.types.is_numeric_dtype(features[name])]
    text = [name for name in features if name not in numeric]
    numbers = (
        make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
        if scaled
        else "passthrough"
    )
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("numbers", numbers, numeric), ("text", encoder, text)]
    return ColumnTransformer([part for part in parts if part[2]], verbose_feature_names_out=False)


def sources(prepare: ColumnTransformer) -> list[str]:
    """Return for each column that fitted preprocessing makes, in order, the feature that it is made from.

    A category's column comes from the text, a flag of missing values from the number. A number that had no value in
    training has no column but its flag.
    """
    names: list[str] = []
    for _, step, features in prepare.transformers_:
        if isinstance(step, OneHotEncoder):
            names += np.repeat(features, [len(categories) for categories in step.categories_]).tolist()
        elif isinstance(step, Pipeline):
            imputer = step[0]
            names += [name for name, fill in zip(features, imputer.statistics_, strict=True) if not np.isnan(fill)]
            names += [features[place] for place in imputer.indicator_.features_]
        elif step != "drop":
            names += features
    return names


def inputs(prepare: ColumnTransformer) -> tuple[list[str], list[str]]:
    """Return the features that are numbers, and those that are text, each in the order of the model's input."""
    names: dict[str, list[str]] = {"numbers": [], "text": []}
    names |= {part: list(columns) for part, _, columns in prepare.transformers_}
    return names["numbers"], names["text"]
