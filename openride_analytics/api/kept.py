"""Answers over HTTP: kept ones where there are, and headers that say so."""

import hashlib
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar, cast

import msgspec
from litestar import MediaType, Request, Response

from openride_analytics.api.dependencies import Resources, questions
from openride_analytics.clock import utc_now
from openride_analytics.schema import results
from openride_analytics.schema.queries import RangeQuery
from openride_analytics.stats.keeping import Keeper, Keeping
from openride_analytics.stats.questions import Earlier, Question, understand
from openride_analytics.stats.together import together
from openride_analytics.store.answers import Answer

T = TypeVar("T", bound=results.Answer)
Asking: TypeAlias = Request[Any, Any, Any]

MAX_AGE_SECONDS: Final = 60  # what is over may still change by what comes late, and no caller hears of that

_RANGE: Final = frozenset({"start_date", "end_date", "timezone"})
_NOTHING: Final = Earlier()
_ANY_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Kept:
    """Answers questions from the cache, or has them computed and keeps what came of it."""

    def __init__(self, given: Resources) -> None:
        self._given = given
        self._keeper = Keeper(questions(given), given.settings, given.clock)

    @property
    def now(self) -> datetime:
        """What time it is for whoever asks."""
        return utc_now(self._given.clock)

    async def answer(
        self,
        request: Asking,
        name: str,
        query: RangeQuery,
        compute: Callable[[Question], Coroutine[Any, Any, T]],
        *,
        earlier: Earlier = _NOTHING,
    ) -> Response[T]:
        """The response to a question over a range. `name`: of the resource; `earlier`: what `compute` reads from before
        the range. Raises Invalid, Retryable, TooMuch, and what `compute` raises."""
        question = understand(query, api=self._given.settings.api, now=self.now)
        keeping = self._keeper.keeping(name, question, _options(query), earlier)
        return await self.kept(request, keeping, lambda: compute(question))

    async def changing(
        self,
        request: Asking,
        name: str,
        known: Mapping[str, object],
        compute: Callable[[], Coroutine[Any, Any, T]],
    ) -> Response[T]:
        """The response to a question that `known` describes wholly, and whose answer goes on changing."""
        return await self.kept(request, self._keeper.changing(name, known), compute)

    async def kept(
        self, request: Asking, keeping: Keeping, compute: Callable[[], Coroutine[Any, Any, T]]
    ) -> Response[T]:
        """The response as it is kept, or computed; 304 to who has it already."""

        async def make() -> Answer:
            found, stored = await together(compute(), keeping.stored())
            body, made_at = msgspec.json.encode(found), self._given.clock.time()
            return Answer(body, _tag(found), made_at, stored.seconds, stored.events)

        async def holds(answer: Answer) -> bool:
            return answer.stored == (await keeping.stored()).events

        answer, hit = await self._given.answers.get(keeping.name, make, holds)
        left = max(0, int(answer.made_at + answer.seconds - self._given.clock.time()))
        tag = f'W/"{answer.tag}"'
        headers = {
            "X-Cache": "HIT" if hit else "MISS",
            "ETag": tag,
            "Cache-Control": f"private, max-age={min(left, MAX_AGE_SECONDS)}",
        }
        if _matches(request.headers.get("if-none-match", ""), tag):
            return cast("Response[T]", Response(b"", status_code=304, headers=headers))
        return cast("Response[T]", Response(answer.body, media_type=MediaType.JSON, headers=headers))


def _options(query: RangeQuery) -> dict[str, object]:
    """What was asked beside the range, which a question has understood."""
    return {name: getattr(query, name) for name in query.__struct_fields__ if name not in _RANGE}


def _tag(answer: results.Answer) -> str:
    """The same for the same numbers, whenever they were computed."""
    same = msgspec.json.encode(msgspec.structs.replace(answer, generated_at=_ANY_TIME))
    return hashlib.blake2b(same, digest_size=12).hexdigest()


def _matches(header: str, tag: str) -> bool:
    """Whether If-None-Match names it, by weak comparison (RFC 9110)."""
    given = {part.strip().removeprefix("W/") for part in header.split(",")}
    return "*" in given or tag.removeprefix("W/") in given
