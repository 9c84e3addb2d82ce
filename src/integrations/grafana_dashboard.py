"""Grafana's dashboard of the service and of the monitor, made from one table of panels.

    python src/integrations/grafana_dashboard.py

Writes  deploy/grafana/dashboards/mlops.json
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

DASHBOARD = Path("deploy/grafana/dashboards/mlops.json")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT, COLUMNS = 8, 7, 24  # of a panel and of the page, in Grafana's units


class Panel(NamedTuple):
    """A panel: what it shows, in which unit, and the expression behind each legend.

    `kind` is Grafana's name of the panel; from `limit` on, values are red.
    """

    title: str
    unit: str
    queries: Mapping[str, str]
    kind: str = "timeseries"
    limit: float | None = None
    note: str = ""


NAMED = 'serve_model_info{name=~"$model"}'
MEMORY = "process_resident_memory_bytes"
FEATURE, FAILED = ', feature=~"$feature"', ', status=~"5.."'


def of_model(name: str, more: str = "") -> str:
    """Return the series of a gauge of the monitor, of the models that were chosen."""
    return f'{name}{{model=~"$model"{more}}}'


def of_service(name: str, more: str = "") -> str:
    """Return the series of a metric of the service, of the instances that were chosen."""
    return f'{name}{{instance=~"$instance"{more}}}'


def per_second(name: str, by: str, more: str = "") -> str:
    """Return how fast a counter of the service grows, by some labels."""
    return f"sum by ({by}) (rate({of_service(name, more)}[$__rate_interval]))"


def growth(name: str, span: str = "$__rate_interval") -> str:
    """Return by how much a counter of the service has grown."""
    return f"sum(increase({of_service(name)}[{span}]))"


def latency(quantile: float) -> str:
    """Return a quantile of the time that answers took."""
    buckets = per_second("serve_latency_seconds_bucket", "le", ', route=~"$route"')
    return f"histogram_quantile({quantile}, {buckets})"


ROWS: Mapping[str, Sequence[Panel]] = {
    "Model": (
        Panel("Model accuracy (模型准确率)", "percentunit", {"{{model}}": of_model("model_accuracy")}),
        Panel("F1 score (F1分数)", "percentunit", {"{{model}}": of_model("model_f1_score")}),
        Panel(
            "Data drift score (数据漂移分数)", "short", {"{{model}}": of_model("data_drift_score")}, limit=1,
            note="The largest ratio of a feature's stability index to its limit; above 1 is drift.",
        ),
        Panel(
            "Performance on matured labels", "short", {"{{metric}}, {{bound}}": of_model("monitor_performance")},
            note="With the bounds of its interval; empty until labels have matured.",
        ),
        Panel("Mean loss of the last matured day", "short", {"{{model}}": of_model("monitor_loss")}),
        Panel(
            "Loss, as a ratio to its limit", "short", {"{{model}}": of_model("monitor_loss_cusum_ratio")}, limit=1,
            note="The cumulative sum of what the daily loss has more than usual.",
        ),
        Panel("Records with a label", "percentunit", {"{{model}}": of_model("monitor_labelled_share")}),
        Panel(
            "Cost per day", "short", {"{{of}}, {{bound}}": of_model("monitor_cost_per_day")},
            note="In units of currency: with this model, with none, and with the one before.",
        ),
        Panel(
            "Alerts per day", "short",
            {
                "alerts": of_model("monitor_alerts_per_day"),
                "can be reviewed": of_model("monitor_review_capacity_per_day"),
            },
        ),
    ),
    "Data": (
        Panel("Open alarms", "short", {"": of_model("monitor_alarm")}, "table", limit=1),
        Panel("Alarms raised", "short", {"{{class}}": f"sum by (class) ({of_model('monitor_alarms_total')})"}, "stat"),
        Panel(
            "Drift of features, as a ratio to its limit", "short",
            {"{{feature}}": of_model("monitor_feature_drift_ratio", FEATURE)}, limit=1,
        ),
        Panel(
            "Drift of scores and decisions, as a ratio to its limit", "short",
            {"scores": of_model("monitor_score_drift_ratio"), "decisions": of_model("monitor_decision_drift_ratio")},
            limit=1,
        ),
        Panel("Alerts among the decisions", "percentunit", {"{{model}}": of_model("monitor_alert_share")}),
        Panel("Missing values", "percentunit", {"{{feature}}": of_model("monitor_feature_missing_share", FEATURE)}),
        Panel(
            "Missing values in requests, per second", "short",
            {"{{feature}}": per_second("serve_feature_nulls_total", "feature")},
        ),
        Panel("Records of the last window", "short", {"{{model}}": of_model("monitor_records")}),
        Panel("Records rejected", "percentunit", {"{{model}}": of_model("monitor_rejected_share")}),
        Panel(
            "Number of records, as a ratio to its limit", "short",
            {"{{model}}": of_model("monitor_volume_ratio")}, limit=1,
            note="How far the last day's records are from the usual ones of that day of the week.",
        ),
        Panel(
            "Age of the last record", "s",
            {"{{model}}": f"time() - {of_model('monitor_last_record_timestamp_seconds')}"},
        ),
        Panel(
            "Age of the monitor's last run", "s",
            {"{{model}}": f"time() - {of_model('monitor_last_run_timestamp_seconds')}"},
        ),
    ),
    "Service": (
        Panel(
            "Requests", "reqps",
            {"{{route}} {{status}}": per_second("serve_requests_total", "route, status", ', route=~"$route"')},
        ),
        Panel(
            "Requests that failed", "percentunit",
            {
                "5xx": f"(sum({per_second('serve_requests_total', 'status', FAILED)}) or vector(0))"
                f" / sum({per_second('serve_requests_total', 'status')})"
            },
        ),
        Panel("Refusals by cause", "reqps", {"{{kind}}": per_second("serve_errors_total", "kind")}),
        Panel(
            "Latency", "s", {"half": latency(0.5), "95 of 100": latency(0.95), "99 of 100": latency(0.99)},
            note="From the last byte of a request to its answer.",
        ),
        Panel("Refused because too many waited", "reqps", {"{{instance}}": per_second("serve_shed_total", "instance")}),
        Panel(
            "Connections", "short",
            {
                "open": f"sum({of_service('serve_connections')})",
                "requests being answered": f"sum({of_service('serve_in_flight')})",
            },
        ),
        Panel("Rows scored", "rowsps", {"{{instance}}": per_second("serve_rows_total", "instance")}),
        Panel("Decisions", "rowsps", {"{{decision}}": per_second("serve_decisions_total", "decision")}),
        Panel(
            "Scores", "short",
            {"{{le}}": f"{per_second('serve_score_bucket', 'le')} or {per_second('serve_prediction_bucket', 'le')}"},
            "heatmap", note="Or the predicted numbers, of a model that predicts a number.",
        ),
        Panel(
            "Faults", "short",
            {
                "lines not logged": growth("serve_log_dropped_total"),
                "spans not sent": f"{growth('serve_spans_dropped_total')} or vector(0)",
                "no more files": f"{growth('serve_files_exhausted_total')} or vector(0)",
                "events not kept": f"max({of_service('serve_store_problem')}) or vector(0)",
            }, limit=1,
        ),
        Panel("Online store", "short", {"{{kind}}": f"max by (kind) ({of_service('serve_store')})"}),
        Panel("Memory", "bytes", {"{{instance}}": f"sum by (instance) ({of_service(MEMORY)})"}),
        Panel("Processor cores in use", "short", {"{{instance}}": per_second("process_cpu_seconds_total", "instance")}),
        Panel("Answers to Prometheus", "short", {"{{job}} {{instance}}": "up"}, "stat", note="1: yes, 0: no."),
    ),
    "Release": (
        Panel("Versions that are served", "short", {"": NAMED}, "table"),
        Panel("Version that the monitor judges", "short", {"": of_model("model_info")}, "table"),
        Panel("Services by version", "short", {"{{version}}": f"count by (version) ({NAMED})"}),
        Panel(
            "Swaps of the bundle", "short",
            {"{{result}}": f"sum by (result) (increase({of_service('serve_swaps_total')}[$__range]))"}, "stat",
        ),
        Panel("Age of the loaded model", "s", {"{{instance}}": of_service("serve_model_age_seconds")}),
    ),
}  # fmt: skip
# Each variable, and the values that Prometheus has for it.
VARIABLES = {
    "model": "label_values(model_info, model)",
    "instance": f"label_values({NAMED}, instance)",
    "route": 'label_values(serve_requests_total{instance=~"$instance"}, route)',
    "feature": 'label_values(monitor_feature_drift_ratio{model=~"$model"}, feature)',
}
SWAPS = 'sum(increase(serve_swaps_total{instance=~"$instance", result="ok"}[$__rate_interval])) > 0'


def dashboard() -> dict[str, Any]:
    """Return the dashboard in Grafana's form."""
    return {
        "uid": "mlops",
        "title": "Model, data, service, release",
        "tags": ["mlops"],
        "schemaVersion": 39,  # of Grafana 11; later ones bring it up to theirs
        "editable": True,
        "graphTooltip": 1,  # one cross-hair for all panels
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [source_variable(), *(variable(name, VARIABLES[name]) for name in VARIABLES)]},
        "annotations": {"list": [swaps()]},
        "panels": list(panels()),
    }


def panels() -> Iterator[dict[str, Any]]:
    """Yield each row's title and its panels, placed from left to right."""
    numbers, top = count(1), 0
    for title, row in ROWS.items():
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        yield {"id": next(numbers), "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place}
        for position, panel in enumerate(row):
            line, column = divmod(position, COLUMNS // WIDTH)
            place = {"h": HEIGHT, "w": WIDTH, "x": column * WIDTH, "y": top + 1 + line * HEIGHT}
            yield {"id": next(numbers), "gridPos": place, **content(panel)}
        top += 1 + -(-len(row) // (COLUMNS // WIDTH)) * HEIGHT


def content(panel: Panel) -> dict[str, Any]:
    """Return a panel in Grafana's form, but for its number and its place."""
    found = {
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "targets": [target("ABCD"[n], *query, panel.kind) for n, query in enumerate(panel.queries.items())],
        "fieldConfig": {"defaults": fields(panel), "overrides": []},
    }
    if panel.kind == "table":  # labels and value only
        found["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True, "__name__": True}}}]
    return found | ({"description": panel.note} if panel.note else {})


def target(letter: str, legend: str, expression: str, kind: str) -> dict[str, Any]:
    """Return a query in Grafana's form: of the last moment for numbers and tables, else of the whole range."""
    form = {"table": "table", "heatmap": "heatmap"}.get(kind, "time_series")
    at_once = kind in ("stat", "table")
    found = {"refId": letter, "datasource": SOURCE, "expr": expression, "legendFormat": legend, "format": form}
    return found | {"instant": at_once, "range": not at_once}


def fields(panel: Panel) -> dict[str, Any]:
    """Return how values are shown: their unit, and from which limit on they are red."""
    found: dict[str, Any] = {"unit": panel.unit, "noValue": "none"}
    if panel.limit is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.limit}]
        found["thresholds"] = {"mode": "absolute", "steps": steps}
        if panel.kind == "timeseries":
            found["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return found


def source_variable() -> dict[str, Any]:
    """Return the choice of a Prometheus server."""
    return {"name": "datasource", "type": "datasource", "label": "Prometheus", "query": "prometheus", "refresh": 1}


def variable(name: str, query: str) -> dict[str, Any]:
    """Return a choice of values of a label: all, one, or several."""
    return {
        "name": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,  # whenever the range of time changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def swaps() -> dict[str, Any]:
    """Return the marks at the times when another bundle was served."""
    query = {"refId": "Swaps", "expr": SWAPS, "range": True, "instant": False}
    return {"name": "Swaps", "datasource": SOURCE, "enable": True, "iconColor": "blue", "target": query}


def text() -> str:
    """Return the file's content."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DASHBOARD.write_text(text(), encoding="utf-8")
