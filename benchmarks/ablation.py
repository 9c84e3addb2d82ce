"""What the model loses without some of its features, and what the published ones would give.

Not run by itself: `python benchmarks/prequential.py` prints it.
"""

from collections.abc import Hashable

import pandas as pd
from tqdm import tqdm

from benchmarks.protocol import PUBLISHED, TEST_STARTS, VALIDATION_STARTS, Model, Outcome, cut, judge, with_features
from lifecycle.problem.problem import Problem
from lifecycle.problem.window_words import Feature, Window

ALL = "all features"
PUBLISHED_NAMES = [name for feature in PUBLISHED for name in feature.names]


def with_all_features(records: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Return the records with the problem's features and the published ones."""
    own = {name for feature in problem.features for name in feature.names}
    others = [feature for feature in PUBLISHED if own.isdisjoint(feature.names)]
    return with_features(records, problem, [*problem.features, *others])


def groups(problem: Problem, names: list[str]) -> dict[Hashable, list[str]]:
    """Part the features into those that stand or fall together: windows over the same records of the same column."""
    found: dict[Hashable, list[str]] = {}
    for feature in problem.features:
        seen = [name for name in feature.names if name in names]
        if seen:
            found.setdefault(_subject(feature), []).extend(seen)
    return found


def _subject(feature: Feature) -> Hashable:
    return (feature.by, feature.of, feature.where) if isinstance(feature, Window) else feature.name


def variants(problem: Problem, names: list[str]) -> dict[str, list[str]]:
    """Return the features of each model that is compared: without a group, without an entity, with the published."""
    parts = groups(problem, names)
    left_out = {" + ".join(part): part for part in parts.values()}
    for entity in dict.fromkeys(feature.by for feature in problem.features if isinstance(feature, Window)):
        of_entity = [part for subject, part in parts.items() if isinstance(subject, tuple) and subject[0] == entity]
        if len(of_entity) > 1:
            left_out[f"all windows of {entity}"] = [name for part in of_entity for name in part]
    found = {f"without {label}": [name for name in names if name not in part] for label, part in left_out.items()}
    both = list(dict.fromkeys([*names, *PUBLISHED_NAMES]))
    return {ALL: names} | found | {"the published fifteen instead": PUBLISHED_NAMES, "the published fifteen too": both}


def ablation(table: pd.DataFrame, problem: Problem, names: list[str], model: Model) -> str:
    """Return the table of all variants.

    Parameters
    ----------
    table : pandas.DataFrame
        From `with_all_features`.
    problem : Problem
        Its feature list tells the groups.
    names : list of str
        What the model sees.
    model : Model
        Fitted for each variant and week.
    """
    models, found = variants(problem, names), []
    for start in tqdm((*VALIDATION_STARTS, *TEST_STARTS), "weeks", disable=None):
        train, test = cut(table, problem, start)
        found.append({label: judge(train, test, problem, seen, model) for label, seen in models.items()})
    formats = {"weeks worse": "{:.0f}".format} | dict.fromkeys(("validation change", "test change"), "{:+.3f}".format)
    return layout(found).to_string(float_format="{:.3f}".format, formatters=formats)


def layout(weeks: list[dict[str, Outcome]]) -> pd.DataFrame:
    """Return one row per variant: means over the validation weeks, then over the test weeks, and changes to the first.

    Parameters
    ----------
    weeks : list of dict of str to Outcome
        By variant, for each of the validation weeks and then of the test weeks.
    """
    precision, cards = (
        pd.DataFrame([{label: getattr(outcome, figure) for label, outcome in week.items()} for week in weeks])
        for figure in ("average_precision", "card_precision")
    )
    late, change = len(VALIDATION_STARTS), precision.sub(precision[ALL], axis="index")
    return pd.DataFrame(
        {
            "validation": precision[:late].mean(),
            "validation change": change[:late].mean(),
            "test": precision[late:].mean(),
            "test change": change[late:].mean(),
            "weeks worse": (change < 0).sum(),
            "test card precision@100": cards[late:].mean(),
        }
    )
