"""Reads the files of an endpoint and a deployment as the `az` command does; prints what came of them, or why not."""

import json
import sys

from azure.ai.ml import load_online_deployment, load_online_endpoint
from azure.ai.ml.exceptions import ValidationException
from marshmallow.exceptions import ValidationError

endpoint, deployment = sys.argv[1:]
try:
    found = load_online_endpoint(endpoint), load_online_deployment(deployment)
except (ValidationException, ValidationError) as error:
    print(json.dumps({"refused": str(error)}))
else:
    content = found[1]._to_dict()  # what is sent to Azure
    print(json.dumps({"endpoint": found[0].name, "deployment": content}))
