"""Generated requests, right and wrong, from the API's own description: no 500, and no answer outside its schema."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sessiontree import demo_data
from sessiontree.http.openapi import OPERATIONS

pytestmark = pytest.mark.long
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def api(server: Any) -> Any:
    server.post([json.loads(record) for record in demo_data.example_records()])  # has the ids of the examples
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json")


RIGHT = [(*place, GenerationMode.POSITIVE) for place in OPERATIONS]
WRONG = [(*place, GenerationMode.NEGATIVE) for place, operation in OPERATIONS.items() if operation.parameters]


@pytest.mark.parametrize(("method", "path", "mode"), RIGHT + WRONG)
def test_answers_are_as_described(server: Any, api: Any, method: str, path: str, mode: GenerationMode):
    operation = api[path][method]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {server.key}"})

    call()
