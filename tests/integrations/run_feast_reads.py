"""Print what Feast gives of sampled records at their times, and of entities online. Run by Feast's environment.

Each value is printed beside the one that the table of features has, as a float in hex digits: equal bits, equal text.
"""

import json
import sys

import pandas as pd
from feast import FeatureStore

folder, start = sys.argv[1:]
store = FeatureStore(folder)
service = store.get_feature_service("model")
table = pd.read_parquet(f"{folder}/data/features.parquet")
sample = table[table["tx_time"] >= start].sample(2_000, random_state=0).reset_index(drop=True)
keys = ["customer_id", "terminal_id"]
rows = sample[[*keys, "tx_time"]].rename(columns={"tx_time": "event_timestamp"}).assign(place=range(len(sample)))
joined = store.get_historical_features(rows, service).to_df().sort_values("place", ignore_index=True)
found = {}
for view in store.list_feature_views():
    (key,) = view.entities
    names = [field.name for field in view.features]
    alone = ~sample.duplicated([key, "tx_time"]) & ~sample.set_index([key, "tx_time"]).index.isin(
        table[table.duplicated([key, "tx_time"], keep=False)].set_index([key, "tx_time"]).index
    )
    entities = sorted(set(table.loc[table["tx_time"] >= start, key]))[:500]
    answered = store.get_online_features(
        [f"{view.name}:{name}" for name in names], [{key: int(one)} for one in entities]
    )
    online = answered.to_df().set_index(key).loc[entities, names]
    newest = (
        table[table[key].isin(entities)].sort_values("tx_time", kind="stable").groupby(key)[names].last().loc[entities]
    )
    found[key] = {
        "alone": int(alone.sum()),
        "joined": [[float(value).hex() for value in row] for row in joined.loc[alone, names].to_numpy()],
        "table": [[float(value).hex() for value in row] for row in sample.loc[alone, names].to_numpy()],
        "online": [[float(value).hex() for value in row] for row in online.to_numpy()],
        "newest": [[float(value).hex() for value in row] for row in newest.to_numpy()],
    }
print(json.dumps(found))
