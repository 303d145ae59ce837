"""Where the simulated rides happen: Nigerian cities, their stops, and the roads between them."""

import math
from dataclasses import dataclass

EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True)
class Stop:
    name: str
    lat: float
    lon: float


@dataclass(frozen=True)
class City:
    """`weight` is the share of the platform's people who live there, relative to the other cities."""

    name: str
    state: str
    weight: int
    stops: tuple[Stop, ...]


@dataclass(frozen=True)
class Way:
    """The stops of a route, in order, and what its seats cost. `currency` is what the fares are paid in."""

    origin: City
    destination: City
    stops: tuple[Stop, ...]
    currency: str = "NGN"

    @property
    def intercity(self) -> bool:
        return self.origin is not self.destination

    @property
    def name(self) -> str:
        return f"{self.stops[0].name} to {self.stops[-1].name}"

    def kilometers(self) -> float:
        """Along the road, which is a third longer than the straight lines between the stops."""
        return 1.33 * sum(kilometers(a, b) for a, b in zip(self.stops, self.stops[1:], strict=False))


def kilometers(a: Stop, b: Stop) -> float:
    """Great-circle distance (haversine)."""
    lat_a, lat_b = math.radians(a.lat), math.radians(b.lat)
    half = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin(math.radians(b.lon - a.lon) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))


def bearing(a: Stop, b: Stop) -> float:
    """Initial course from `a` to `b` in degrees, 0 <= bearing < 360."""
    lat_a, lat_b, along = math.radians(a.lat), math.radians(b.lat), math.radians(b.lon - a.lon)
    east = math.sin(along) * math.cos(lat_b)
    north = math.cos(lat_a) * math.sin(lat_b) - math.sin(lat_a) * math.cos(lat_b) * math.cos(along)
    return round(math.degrees(math.atan2(east, north)), 1) % 360.0


def _city(name: str, state: str, weight: int, **stops: tuple[float, float]) -> City:
    made = (Stop(stop.replace("_", " "), lat, lon) for stop, (lat, lon) in stops.items())
    return City(name, state, weight, tuple(made))


LAGOS = _city(
    "Lagos", "Lagos", 40,
    Ikeja=(6.6018, 3.3515), Ojota=(6.5833, 3.3839), Yaba=(6.5095, 3.3711), Surulere=(6.4969, 3.3481),
    Victoria_Island=(6.4281, 3.4219), Lekki_Phase_1=(6.4474, 3.4723), Ajah=(6.4698, 3.5852),
    Ikorodu=(6.6194, 3.5105), Festac=(6.4664, 3.2836), Berger=(6.6420, 3.3710),
)  # fmt: skip
ABUJA = _city(
    "Abuja", "FCT", 20,
    Wuse=(9.0765, 7.4653), Garki=(9.0301, 7.4898), Gwarinpa=(9.1090, 7.4047), Kubwa=(9.1540, 7.3220),
    Nyanya=(9.0219, 7.5741), Lugbe=(8.9829, 7.3684), Jabi=(9.0643, 7.4220),
)  # fmt: skip
IBADAN = _city(
    "Ibadan", "Oyo", 10,
    Challenge=(7.3497, 3.8769), Dugbe=(7.3878, 3.8789), Bodija=(7.4350, 3.9140), Iwo_Road=(7.4031, 3.9466),
    Moniya=(7.5246, 3.9140),
)  # fmt: skip
PORT_HARCOURT = _city(
    "Port Harcourt", "Rivers", 9,
    Mile_1=(4.7906, 6.9996), Rumuola=(4.8327, 7.0050), Eleme_Junction=(4.8496, 7.0783),
    Trans_Amadi=(4.8146, 7.0351), Choba=(4.8943, 6.9083),
)  # fmt: skip
KANO = _city(
    "Kano", "Kano", 8,
    Sabon_Gari=(12.0120, 8.5360), Nassarawa=(11.9800, 8.5520), Kofar_Ruwa=(12.0170, 8.4950),
    Gyadi_Gyadi=(11.9560, 8.5290),
)  # fmt: skip
KADUNA = _city(
    "Kaduna", "Kaduna", 4,
    Kawo=(10.5860, 7.4460), Kakuri=(10.4680, 7.4120), Barnawa=(10.4830, 7.4290),
)  # fmt: skip
ENUGU = _city(
    "Enugu", "Enugu", 5,
    Ogbete=(6.4402, 7.4909), New_Haven=(6.4560, 7.5230), Abakpa=(6.4880, 7.5220),
)  # fmt: skip
BENIN_CITY = _city(
    "Benin City", "Edo", 5,
    Ring_Road=(6.3350, 5.6220), Ugbowo=(6.4000, 5.6090), Uselu=(6.3740, 5.6130),
)  # fmt: skip
ABEOKUTA = _city(
    "Abeokuta", "Ogun", 4,
    Kuto=(7.1475, 3.3619), Panseke=(7.1400, 3.3350), Lafenwa=(7.1630, 3.3290),
)  # fmt: skip
ONITSHA = _city("Onitsha", "Anambra", 3, Upper_Iweka=(6.1330, 6.7900), Head_Bridge=(6.1560, 6.7740))
JOS = _city("Jos", "Plateau", 2, Terminus=(9.9180, 8.8920), Bukuru=(9.7960, 8.8680))
COTONOU = _city("Cotonou", "Littoral", 0, Dantokpa=(6.3703, 2.4319), Ganhi=(6.3547, 2.4360))
ACCRA = _city("Accra", "Greater Accra", 0, Kaneshie=(5.5660, -0.2370))

CITIES = (
    LAGOS,
    ABUJA,
    IBADAN,
    PORT_HARCOURT,
    KANO,
    KADUNA,
    ENUGU,
    BENIN_CITY,
    ABEOKUTA,
    ONITSHA,
    JOS,
)
CORRIDORS: dict[str, tuple[tuple[City, str], ...]] = {
    LAGOS.name: (
        (IBADAN, "NGN"),
        (ABEOKUTA, "NGN"),
        (IBADAN, "NGN"),
        (BENIN_CITY, "NGN"),
        (COTONOU, "XOF"),
        (ACCRA, "GHS"),
    ),
    ABUJA.name: ((KADUNA, "NGN"), (JOS, "NGN"), (KANO, "NGN")),
    IBADAN.name: ((LAGOS, "NGN"), (ABEOKUTA, "NGN")),
    PORT_HARCOURT.name: ((ENUGU, "NGN"), (ONITSHA, "NGN")),
    KANO.name: ((KADUNA, "NGN"), (ABUJA, "NGN")),
    KADUNA.name: ((ABUJA, "NGN"), (KANO, "NGN")),
    ENUGU.name: ((ONITSHA, "NGN"), (PORT_HARCOURT, "NGN")),
    BENIN_CITY.name: ((LAGOS, "NGN"), (ONITSHA, "NGN")),
    ABEOKUTA.name: ((LAGOS, "NGN"), (IBADAN, "NGN")),
    ONITSHA.name: ((ENUGU, "NGN"), (BENIN_CITY, "NGN")),
    JOS.name: ((ABUJA, "NGN"), (KADUNA, "NGN")),
}
