"""KServe's own client against a running service: `python kserve_client.py URL MODEL ROWS`, answers as JSON."""

import asyncio
import json
import sys

import numpy as np
from httpx import HTTPStatusError
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

URL, MODEL, ROWS = sys.argv[1], sys.argv[2], np.array(json.loads(sys.argv[3]))


def tensors(binary, **more):
    whole = InferInput("features", list(ROWS.shape), "FP64")
    whole.set_data_from_numpy(ROWS, binary_data=binary)
    return InferRequest(model_name=MODEL, infer_inputs=[whole], request_id="mine", **more)


async def version_1(client):
    refused = ""
    try:
        await client.infer(URL, {"instances": [[1.0]]}, model_name=MODEL)
    except HTTPStatusError as error:
        refused = str(error)
    return {
        "live": await client.is_server_live(URL),
        "ready": await client.is_model_ready(URL, MODEL),
        "scores": [row["score"] for row in (await ask(client, {"instances": ROWS.tolist()}))["predictions"]],
        "refused": refused,
    }


async def version_2(client):
    binary = {"request_outputs": [RequestedOutput("score", {"binary_data": True})]}
    answers = [
        await ask(client, tensors(False)),
        await ask(client, tensors(True)),
        await ask(client, tensors(True, **binary)),
    ]
    return {
        "live": await client.is_server_live(URL),
        "ready": await client.is_server_ready(URL) and await client.is_model_ready(URL, MODEL),
        "ids": [answer.id for answer in answers],
        "scores": [answer.get_output_by_name("score").as_numpy().tolist() for answer in answers],
    }


async def ask(client, content):
    return await client.infer(URL, content, model_name=MODEL)


async def main():
    found = {}
    for protocol, talk in (("v1", version_1), ("v2", version_2)):
        async with InferenceRESTClient(RESTConfig(protocol=protocol)) as client:
            found[protocol] = await talk(client)
    print(json.dumps(found))


asyncio.run(main())
