"""What the service answers when it does not score."""

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType


class Error(Struct, forbid_unknown_fields=True, kw_only=True):
    """Why a request is refused, the same for every protocol."""

    error: str
    kind: str
    field: str | UnsetType = UNSET
    request_id: str


class Refusal(Exception):  # noqa: N818 most are no errors of ours
    """A request that can't be answered with scores.

    Parameters
    ----------
    status : int
        HTTP status, 4xx or 503.
    kind : str
        One word for metrics and clients, such as `wrong_type`; one of a few, for it is a label of a metric.
    message : str
        What was wrong, where, and what would be right.
    field : str, optional
        The feature, column or key at fault.
    headers : sequence of pairs of bytes
        More headers of the answer, such as Allow.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        field: str | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.field, self.headers = status, kind, message, field, headers

    def content(self, request_id: str) -> Error:
        """Return the body of the answer."""
        field = UNSET if self.field is None else self.field
        return Error(error=self.message, kind=self.kind, field=field, request_id=request_id)
