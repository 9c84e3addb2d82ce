"""Every protocol's routes."""

from lifecycle.serving.messages import Protocol
from lifecycle.serving.protocols import azure, health, invocations, kserve_v1, plain, v2, vertex


def protocols(max_rows: int, vertex_path: str = "/vertex/predict") -> tuple[Protocol, ...]:
    """Return the routes of all protocols.

    Parameters
    ----------
    max_rows : int
        Most rows in a request.
    vertex_path : str
        Where Vertex AI sends its instances; /predict reads them already.
    """
    return (
        *plain.routes(max_rows),
        *kserve_v1.routes(max_rows),
        *v2.routes(max_rows),
        *invocations.routes(max_rows),
        *(vertex.routes(max_rows, vertex_path) if vertex_path != plain.PATH else ()),
        *azure.routes(max_rows),
        *health.routes(),
    )
