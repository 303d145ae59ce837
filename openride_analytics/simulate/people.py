"""Who rides and drives. Everything about a person follows from the seed and their place in the population.

The population is steady: each of its places is taken by somebody new every LIFETIME. So a person, and all
that the platform says of them, is the same in every run with the same seed, whenever the run begins.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from openride_analytics.simulate.places import CITIES, City
from openride_analytics.simulate.told import LOCAL, Told, between, new_id, tell

EPOCH = datetime(2024, 1, 1, tzinfo=LOCAL)
LIFETIME = timedelta(days=180)

FIRST_NAMES = (
    *("Adaeze", "Bola", "Chidi", "Damilola", "Emeka", "Fatima", "Gbenga", "Halima", "Ifeoma", "Jide", "Kemi"),
    *("Lanre", "Musa", "Ngozi", "Obinna", "Patience", "Rukayat", "Segun", "Tunde", "Uche", "Yusuf", "Zainab"),
)
LAST_NAMES = (
    *("Abubakar", "Adeyemi", "Bello", "Chukwu", "Danjuma", "Eze", "Garba", "Ibrahim", "Johnson", "Lawal"),
    *("Mohammed", "Nwosu", "Obi", "Ogunleye", "Okafor", "Okonkwo", "Olawale", "Sani", "Udo", "Williams"),
)
REFUSALS = ("Document expired", "Photo does not match", "Licence number not found")


@dataclass(frozen=True)
class Person:
    """`slot` is the place in the population; the city is where that place is."""

    id: str
    slot: int
    registered: datetime
    city: City

    def age(self, at: datetime) -> timedelta:
        return at - self.registered


@dataclass(frozen=True)
class Verdict:
    at: datetime
    status: str
    notes: str | None


class Population:
    """`size` places of one `role` (rider or driver)."""

    def __init__(self, seed: int, role: str, size: int) -> None:
        self._origin = f"{seed}/{role}"
        self.size = size
        self.person = lru_cache(maxsize=None)(self._person)
        self._home = lru_cache(maxsize=None)(self._describe_home)
        self._by_city: dict[str, list[int]] = {}
        for slot in range(size):
            self._by_city.setdefault(self._home(slot)[0].name, []).append(slot)

    def rng(self, slot: int, generation: int, topic: str) -> random.Random:
        return random.Random(f"{self._origin}/{slot}/{generation}/{topic}")

    def slots(self, city: City) -> list[int]:
        """The places in a city; any place when nobody lives there."""
        return self._by_city.get(city.name) or list(range(self.size))

    def generation(self, slot: int, at: datetime) -> int:
        """Which of the people of a place has it at a moment: the last who had registered by then."""
        guess = (at - EPOCH - self._home(slot)[1]) // LIFETIME
        return guess if self.person(slot, guess).registered <= at else guess - 1

    def at(self, slot: int, at: datetime) -> Person:
        return self.person(slot, self.generation(slot, at))

    def _describe_home(self, slot: int) -> tuple[City, timedelta]:
        rng = random.Random(f"{self._origin}/{slot}")
        city = rng.choices(CITIES, [city.weight for city in CITIES])[0]
        return city, timedelta(days=rng.randrange(LIFETIME.days))

    def _person(self, slot: int, generation: int) -> Person:
        city, offset = self._home(slot)
        rng = self.rng(slot, generation, "person")
        hour = rng.triangular(7, 23, 19)
        registered = EPOCH + offset + generation * LIFETIME + timedelta(seconds=round(hour * 3600))
        return Person(new_id(rng), slot, registered, city)


def registration(rng: random.Random, person: Person, role: str) -> Told:
    """One in twenty did not say where they live."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    located = rng.random() < 0.95
    return tell(
        rng,
        "user.registered",
        person.registered,
        user_id=person.id,
        phone=f"+234{rng.choice((70, 80, 81, 90, 91))}{rng.randrange(10**8):08d}",
        role=role,
        full_name=f"{first} {last}",
        email=f"{first}.{last}{rng.randrange(1000)}@example.com".lower() if rng.random() < 0.7 else None,
        city=person.city.name if located else None,
        state=person.city.state if located else None,
        referral_code=f"{first[:3].upper()}{rng.randrange(10_000):04d}" if rng.random() < 0.25 else None,
    )


def verdicts(rng: random.Random, applied: datetime) -> Iterator[Verdict]:
    """Most are verified in days; some are refused first, half of those for good; some never send papers."""
    if rng.random() < 0.06:
        return
    at = applied + between(rng, timedelta(hours=6), timedelta(days=3))
    if rng.random() < 0.15:
        yield Verdict(at, "REJECTED", rng.choice(REFUSALS))
        if rng.random() < 0.5:
            return
        at += between(rng, timedelta(days=1), timedelta(days=5))
    yield Verdict(at, "VERIFIED", None)


def kyc(rng: random.Random, person: Person, verdict: Verdict) -> Told:
    return tell(
        rng,
        "user.kyc_verified",
        verdict.at,
        user_id=person.id,
        kyc_status=verdict.status,
        verification_notes=verdict.notes,
        verified_by=rng.choice(("compliance-1", "compliance-2", "auto-check")),
    )
