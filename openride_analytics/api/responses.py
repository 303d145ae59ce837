"""How errors are described in OpenAPI."""

from typing import Final

from litestar.openapi import ResponseSpec

from openride_analytics.api.problems import Problem

PROBLEMS: Final = {
    400: ResponseSpec(
        Problem, description="A parameter is wrong: which one, what is allowed", generate_examples=False
    ),
    401: ResponseSpec(Problem, description="No token, or one that is not valid", generate_examples=False),
    403: ResponseSpec(Problem, description="A role that does not allow it", generate_examples=False),
    429: ResponseSpec(
        Problem, description="Too many requests; Retry-After says when", generate_examples=False
    ),
    503: ResponseSpec(Problem, description="ClickHouse cannot answer now", generate_examples=False),
    504: ResponseSpec(
        Problem, description="More than one question may cost: what to narrow", generate_examples=False
    ),
}
