"""The API's description: complete, named well, and the same as the file that the UI's types are made from."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.warm import python

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def document(warm: None) -> dict[str, Any]:
    printed = subprocess.run(
        python("-m", "weft.server.openapi"), capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(printed.stdout)


def _operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{verb} {path}", op) for path, verbs in document["paths"].items() for verb, op in verbs.items()]


def test_the_committed_file_is_fresh(document: dict[str, Any]) -> None:
    committed = json.loads((ROOT / "ui" / "openapi.json").read_text())
    assert committed == document, "run: python -m weft.server.openapi > ui/openapi.json"


def test_the_served_document_is_the_printed_one(api: httpx.Client, document: dict[str, Any]) -> None:
    assert api.get("openapi.json").json() == document


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = {op["operationId"] for _, op in _operations(document)}
    assert names == {
        "addCustomTool",
        "addMcpServer",
        "answerInterrupts",
        "changeTool",
        "getTool",
        "listTools",
        "removeTool",
        "tryTool", "listSecrets", "setSecret", "removeSecret",
        "listInterrupts",
        "getRouter", "putRouter", "listDeployments", "addDeployment", "removeDeployment", "getRouterHealth",
        "getHealth", "listAgents", "getAgent", "listThreads", "getThread", "renameThread", "deleteThread",
        "listMessages", "getContext", "startRun", "listRuns", "getRun", "cancelRun", "answerRun", "watchRun", "getBlob",
        "listHistory", "getState", "forkThread", "replayRun", "diffRuns", "diffStates",
        "pauseRun", "resumeRun", "stepRun", "injectInput", "changeState", "rerunNode",
        "getBreakpoints", "setBreakpoints",
        "getPolicy", "putPolicy", "tryPolicy", "verifyAudit", "listAudit",
        "listMemories", "searchMemories", "addMemory", "getMemory", "changeMemory", "eraseMemory", "eraseMemories",
        "listCollections", "listDocuments", "addDocument", "getDocument", "getDocumentText", "removeDocument",
        "searchDocuments",
        "giveFeedback", "listFeedback", "removeFeedback", "listProposals", "approveProposal", "rejectProposal",
        "exportAll", "erase", "listErasures",
        "listChores", "addChore", "listNotes", "searchThread", "pinMessage", "getProfile", "changeProfile",
        "listEntities", "relatedEntities", "pathsOfEntities",
        "listCosts", "listBudgets", "setBudget", "removeBudget",
    }  # fmt: skip


def test_every_operation_documents_its_answers(document: dict[str, Any]) -> None:
    for name, op in _operations(document):
        assert op["summary"], name
        assert any(status.startswith("2") for status in op["responses"]), name
        for status, answer in op["responses"].items():
            if status.startswith("2") or (op["operationId"], status) == ("getHealth", "503"):
                continue
            assert answer["content"]["application/problem+json"]["schema"]["$ref"].endswith("/Problem"), (name, status)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set[str]()
            return own.union(*(references(inner) for inner in value.values()))
        if isinstance(value, list):
            return set[str]().union(*(references(inner) for inner in value))
        return set()

    found = references(document)
    assert {reference.rpartition("/")[2] for reference in found} <= set(schemas)
    assert {"RunView", "ThreadView", "MessageView", "AgentView", "Envelope", "Problem", "RunFinished"} <= set(schemas)


def test_what_is_answered_fits_what_is_documented(api: httpx.Client, document: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    run = api.post("runs", json={"target": "counter", "input": "x"}, params={"wait": 20}).json()
    thread = run["thread_id"]
    for path, template in (
        ("health", "/api/v1/health"),
        ("agents", "/api/v1/agents"),
        ("agents/sender", "/api/v1/agents/{name}"),
        ("threads", "/api/v1/threads"),
        (f"threads/{thread}", "/api/v1/threads/{id}"),
        (f"threads/{thread}/messages", "/api/v1/threads/{id}/messages"),
        (f"threads/{thread}/context", "/api/v1/threads/{id}/context"),
        ("runs", "/api/v1/runs"),
        (f"runs/{run['id']}", "/api/v1/runs/{id}"),
        (f"runs/{run['id']}/events?format=json", "/api/v1/runs/{id}/events"),
    ):
        answer = api.get(path)
        assert answer.status_code == 200, path
        schema = document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": document["components"]})
