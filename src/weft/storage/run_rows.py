"""Rows of runs and jobs as what the port calls them."""

from weft.storage.base import Job, RunRecord
from weft.storage.phrases import restored
from weft.storage.query import Row

_RUN_FIELDS = RunRecord.__struct_fields__


def run(row: Row) -> RunRecord:
    values = dict(zip(_RUN_FIELDS, row, strict=True))
    if values["input"] is None:
        values["input"] = b"null"
    for name in ("usage", "output"):
        if values[name] is not None:
            values[name] = restored(values[name])
    values["steered"] = bool(values["steered"])
    return RunRecord(**values)


def job(row: Row) -> Job:
    run_id, epoch, workspace, priority, not_before = row
    return Job(run_id=run_id, epoch=epoch, workspace=workspace, priority=priority, not_before=not_before)
