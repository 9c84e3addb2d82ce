import json
import subprocess
import sys

from service.routes import endpoints
from service.settings import Settings
from tests.graph import SRC

TRAINING = {"dvc", "joblib", "pandas", "pyarrow", "pydantic", "scipy", "sklearn", "tqdm", "yaml"}
LOAD = (
    "import sys, json, service.routes;"
    "import service.openapi.openapi_document, service.openapi.docs_page;"
    "print(json.dumps(list(sys.modules)))"
)


def test_no_route_stands_twice():
    routes = [(each.method, each.path) for _, each in endpoints(Settings())]
    assert len(set(routes)) == len(routes)


def test_whoever_wants_scores_needs_a_key():
    assert not [each for _, each in endpoints(Settings()) if each.method == "POST" and each.exempt]


def test_nothing_is_imported_that_only_training_needs():
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", LOAD], cwd=SRC, text=True))
    assert not TRAINING & set(loaded)
