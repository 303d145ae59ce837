"""The description of the API: valid, complete, and true of every operation."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from tests.integration.test_access_routes import application, routes
from tests.support.api import Served, resources, serving
from tests.support.tokens import SECRET_ENVIRON, bearer, signed

Said = dict[str, Any]
PRODUCTION = SECRET_ENVIRON | {"APP_ENV": "production"}


@pytest.fixture
async def api() -> AsyncIterator[Served]:
    """One whose every dependency is away: it describes itself all the same."""
    async with resources({}) as given, serving(given) as served:
        yield served


@pytest.fixture
async def document(api: Served) -> Said:
    return dict((await api.get("/schema/openapi.json")).json())


@pytest.fixture
def operations(document: Said) -> dict[str, Said]:
    """By method and path."""
    return {
        f"{method.upper()} {path}": said
        for path, item in document["paths"].items()
        for method, said in item.items()
    }


def test_it_is_openapi(document: Said) -> None:
    errors = jsonschema_rs.validator_for(OPENAPI_31).iter_errors(document)
    assert [(error.instance_path, error.message[:200]) for error in errors] == []


def test_its_schemas_are_json_schemas(document: Said, operations: dict[str, Said]) -> None:
    parameters = [one["schema"] for said in operations.values() for one in said.get("parameters", [])]
    answers = [content["schema"] for *_, content in contents(operations)]
    found = [*document["components"]["schemas"].values(), *parameters, *answers]
    assert found and [schema for schema in found if not jsonschema_rs.meta.is_valid(schema)] == []


async def test_it_has_every_route(operations: dict[str, Said]) -> None:
    async with resources({}) as given:
        found = {f"{method} {template}" for template, method, _ in routes(application(given))}
    assert {name for name in found if not name.startswith("OPTIONS ")} == operations.keys()


def test_every_operation_says_what_it_tells(operations: dict[str, Said]) -> None:
    wanted = ("summary", "description", "operationId", "tags")
    assert {name: key for name, said in operations.items() for key in wanted if not said.get(key)} == {}


def test_every_parameter_is_explained(operations: dict[str, Said]) -> None:
    parameters = [(name, one) for name, said in operations.items() for one in said.get("parameters", [])]
    lacking = [
        (name, one["name"])
        for name, one in parameters
        if not one.get("description") or not one["schema"].get("type") or "example" not in one
    ]
    assert parameters and lacking == []


def test_the_example_of_a_parameter_is_allowed(operations: dict[str, Said]) -> None:
    wrong = [
        (name, one["name"])
        for name, said in operations.items()
        for one in said.get("parameters", [])
        if not jsonschema_rs.validator_for(one["schema"]).is_valid(one["example"])
    ]
    assert wrong == []


def contents(operations: dict[str, Said]) -> Iterator[tuple[str, str, Said]]:
    """All that is sent but files, of which a description can hold no example."""
    for name, said in operations.items():
        for status, response in said["responses"].items():
            for content in response.get("content", {}).values():
                if "contentMediaType" not in content["schema"]:
                    yield name, status, content


def test_every_answer_has_an_example(operations: dict[str, Said]) -> None:
    assert [
        (name, status) for name, status, content in contents(operations) if "example" not in content
    ] == []


def test_every_example_fits_its_schema(document: Said, operations: dict[str, Said]) -> None:
    wrong = [
        (name, status)
        for name, status, content in contents(operations)
        if not (status == "200" and "text/event-stream" in operations[name]["responses"]["200"]["content"])
        if not jsonschema_rs.validator_for(
            {**content["schema"], "components": document["components"]}, validate_formats=True
        ).is_valid(content["example"])
    ]
    assert wrong == []


def test_every_body_has_an_example_that_fits_its_schema(document: Said, operations: dict[str, Said]) -> None:
    bodies = [
        content
        for said in operations.values()
        for content in said.get("requestBody", {}).get("content", {}).values()
    ]
    wrong = [
        content
        for content in bodies
        if not jsonschema_rs.validator_for(
            {**content["schema"], "components": document["components"]}, validate_formats=True
        ).is_valid(content.get("example"))
    ]
    assert bodies and wrong == []


def test_every_operation_with_a_body_says_how_that_fails(operations: dict[str, Said]) -> None:
    asked = [said["responses"].keys() for said in operations.values() if "requestBody" in said]
    assert asked and all(statuses >= {"413", "415", "422"} for statuses in asked)


def test_every_operation_says_how_it_fails(operations: dict[str, Said]) -> None:
    problem = "application/problem+json"
    failing = {
        name: {
            status for status, response in said["responses"].items() if problem in response.get("content", {})
        }
        for name, said in operations.items()
    }
    asked = {
        name: statuses
        for name, statuses in failing.items()
        if "/v1/" in name and operations[name].get("security") != [{}]
    }
    assert all("500" in statuses for statuses in failing.values())
    assert asked and all(statuses >= {"400", "401", "403", "429", "503"} for statuses in asked.values())


def test_who_is_to_come_again_is_told_when(operations: dict[str, Said]) -> None:
    lacking = [
        (name, status)
        for name, said in operations.items()
        for status in ("429", "503")
        if "application/problem+json" in said["responses"].get(status, {}).get("content", {})
        if "Retry-After" not in said["responses"][status]["headers"]
    ]
    assert lacking == []


def test_every_schema_says_what_it_is(document: Said) -> None:
    schemas = document["components"]["schemas"]
    assert schemas and [name for name, said in schemas.items() if not said.get("description")] == []


def test_every_moment_is_known_for_one(document: Said) -> None:
    moments = {
        f"{name}.{field}": "date-time" in str(schema)
        for name, said in document["components"]["schemas"].items()
        for field, schema in said.get("properties", {}).items()
        if field.endswith(("_at", "_execution", "timestamp"))
    }
    assert moments and [name for name, known in moments.items() if not known] == []


def test_every_number_of_a_metric_is_explained(document: Said) -> None:
    schemas = document["components"]["schemas"]
    lacking = [
        (name, field)
        for name in (
            "UserMetrics",
            "BookingMetrics",
            "PaymentMetrics",
            "RealtimeMetrics",
            "RetentionAnalytics",
        )
        for field, said in schemas[name]["properties"].items()
        if "description" not in said and "$ref" not in said and field not in ("timestamp",)
    ]
    assert lacking == []


async def test_the_page_is_html_with_everything(api: Served, document: Said) -> None:
    answer = await api.get("/schema")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    wanted = [*document["paths"], *(f'id="schema-{name}"' for name in document["components"]["schemas"])]
    assert [text for text in wanted if text not in answer.text] == []


async def test_the_page_needs_nothing_from_elsewhere(api: Served) -> None:
    page = (await api.get("/schema")).text
    outside = re.findall(
        r"(?:src|href|action)=\"(?![#/])[^\"]*|<(?:script|link|img|iframe|object)|@import|url\(", page
    )
    assert outside == [] and "//" not in re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", page, flags=re.S)


async def test_the_page_may_have_its_own_style_and_nothing_else(api: Served) -> None:
    policy = (await api.get("/schema")).headers["content-security-policy"]
    assert re.sub(r"sha256-[\w+/=]{44}", "...", policy) == (
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; style-src '...'"
    )


@pytest.mark.parametrize("path", ["/schema", "/schema/openapi.json"])
async def test_in_production_it_is_for_callers_only(path: str) -> None:
    async with resources(PRODUCTION) as given, serving(given) as api:
        answers = [await api.get(path), await api.get(path, **bearer(signed()))]
    assert [answer.status_code for answer in answers] == [401, 200]
