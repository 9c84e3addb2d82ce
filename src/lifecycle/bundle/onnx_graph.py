"""Build an ONNX graph node by node. The same graph gives the same bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper

# Opset 5 of the tree operators is the first with one in double precision.
OPSETS = {"": 21, "ai.onnx.ml": 5}
IR_VERSION = 10


class Graph:
    """A graph under construction; values are known by name."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []

    def input(self, name: str, type_: int, width: int) -> str:
        """Add an input of shape (rows, width) and return its name."""
        self._inputs.append(helper.make_tensor_value_info(name, type_, ["rows", width]))
        return name

    def constant(self, values: Any, type_: type = np.float64) -> str:
        """Add a constant array and return its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, dtype=type_), name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        name = name or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def model(self, outputs: Sequence[tuple[str, Sequence[Any]]]) -> bytes:
        """Return the checked model with outputs of double precision, by name and shape."""
        infos = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape) for name, shape in outputs]
        graph = helper.make_graph(self._nodes, "model", self._inputs, infos, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def array(name: str, values: Any, type_: type) -> TensorProto:
    """Return an array as an attribute of a node takes it."""
    return numpy_helper.from_array(np.asarray(values, dtype=type_), name)
