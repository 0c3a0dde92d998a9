"""People as a directory has them: names in many scripts, jobs, offices, phone numbers, gaps.

The names come from faker's word lists, which are read once: a hundred thousand people take seconds.
"""

# ruff: noqa: RUF001 - letters of many alphabets look alike

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from random import Random
from typing import Any

DOMAIN = "acme.example"

Profile = dict[str, Any]

_CYRILLIC_LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ"
_SPELLED = "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya i yi ye g"
_CYRILLIC = dict(zip(_CYRILLIC_LETTERS, _SPELLED.replace("-", "").split(" "), strict=True))
_LATIN_WITHOUT_DECOMPOSITION = {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae"}


@dataclass(frozen=True, slots=True)
class Office:
    """A place of work, and the locale of its people's names."""

    names: str
    weight: int
    city: str
    state: str
    country: str
    timezone: str
    language: str
    street: str
    zip_code: str
    phones: tuple[str, ...]


OFFICES = (
    Office("en_US", 26, "New York", "NY", "US", "America/New_York", "en", "{} W 34th St", "100##",
           ("(212) 555-01##", "+1 646-555-01##", "+1212555####", "212.555.01## x####")),
    Office("es_MX", 6, "Ciudad de México", "CDMX", "MX", "America/Mexico_City", "es",
           "Av. Paseo de la Reforma {}", "06###", ("+52 55 5### ####", "(55) 5###-####")),
    Office("de_DE", 12, "München", "BY", "DE", "Europe/Berlin", "de", "Leopoldstraße {}", "80###",
           ("+49 89 #######", "089/######-##", "+49 151 ########")),
    Office("fr_FR", 8, "Paris", "Île-de-France", "FR", "Europe/Paris", "fr",
           "{} rue de l’Université", "750##", ("+33 1 ## ## ## ##", "01.##.##.##.##")),
    Office("pl_PL", 5, "Kraków", "", "PL", "Europe/Warsaw", "pl", "ul. Długa {}", "31-###",
           ("+48 12 ### ## ##", "+48 ### ### ###")),
    Office("cs_CZ", 3, "Brno", "", "CZ", "Europe/Prague", "cs", "Údolní {}", "602 ##",
           ("+420 5## ### ###",)),
    Office("sv_SE", 3, "Göteborg", "", "SE", "Europe/Stockholm", "sv", "Östra Hamngatan {}",
           "411 ##", ("+46 31 ### ## ##", "031-### ## ##")),
    Office("tr_TR", 3, "İstanbul", "", "TR", "Europe/Istanbul", "tr", "İstiklal Cd. No:{}",
           "34###", ("+90 212 ### ## ##",)),
    Office("vi_VN", 3, "Hà Nội", "", "VN", "Asia/Ho_Chi_Minh", "vi", "{} phố Huế", "100000",
           ("+84 24 #### ####",)),
    Office("ja_JP", 6, "東京", "東京都", "JP", "Asia/Tokyo", "ja", "丸の内{}丁目", "100-####",
           ("03-####-####", "+81 3-####-####")),
    Office("zh_CN", 6, "上海", "上海市", "CN", "Asia/Shanghai", "zh", "南京东路{}号", "2000##",
           ("+86 21 #### ####", "021-########")),
    Office("ko_KR", 3, "서울", "", "KR", "Asia/Seoul", "ko", "테헤란로 {}", "06###",
           ("02-####-####", "+82 2 #### ####")),
    Office("uk_UA", 4, "Київ", "", "UA", "Europe/Kyiv", "uk", "вул. Хрещатик, {}", "010##",
           ("+380 44 ### ## ##",)),
    Office("ru_RU", 2, "Алматы", "", "KZ", "Asia/Almaty", "ru", "пр. Абая, {}", "0500##",
           ("+7 727 ### ## ##",)),
    Office("ar_SA", 3, "الرياض", "", "SA", "Asia/Riyadh", "ar", "{} طريق الملك فهد", "122##",
           ("+966 11 ### ####",)),
    Office("he_IL", 2, "תל אביב", "", "IL", "Asia/Jerusalem", "he", "שדרות רוטשילד {}",
           "66#####", ("+972 3 ### ####",)),
    Office("el_GR", 3, "Αθήνα", "", "GR", "Europe/Athens", "el", "Πανεπιστημίου {}", "10# ##",
           ("+30 21 #### ####",)),
    Office("hi_IN", 8, "पुणे", "महाराष्ट्र", "IN", "Asia/Kolkata", "hi", "{}, FC Road", "4110##",
           ("+91 20 #### ####", "+91 98### #####")),
    Office("th_TH", 2, "กรุงเทพมหานคร", "", "TH", "Asia/Bangkok", "th", "{} ถนนสุขุมวิท", "10###",
           ("+66 2 ### ####",)),
    Office("yo_NG", 2, "Lagos", "", "NG", "Africa/Lagos", "en", "{} Broad Street", "1012##",
           ("+234 1 ### ####",)),
)  # fmt: skip

DEPARTMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Engineering": ("Product", ("Software Engineer", "Senior Software Engineer", "SRE")),
    "Product Design": ("Product", ("Product Designer", "UX Researcher", "Product Manager")),
    "Sales": ("Revenue", ("Account Executive", "Sales Engineer", "VP, Sales & Partnerships")),
    "Marketing": ("Revenue", ("Content Strategist", "Brand Manager", "Head of Marketing")),
    "Customer Success": ("Revenue", ("Support Engineer", "Customer Success Manager")),
    "Finance": ("G&A", ("Accountant", "Controller", "Financial Analyst")),
    "People": ("G&A", ("Recruiter", "HR Business Partner", "People Operations Lead")),
    "Legal": ("G&A", ("Counsel", "Paralegal", "Data Protection Officer")),
    "Operations": ("Operations", ("Facilities Coordinator", "Supply Chain Analyst", "COO")),
    "IT": ("Operations", ("IT Support Specialist", "Identity Engineer", "Systems Administrator")),
}
_DEPARTMENTS = tuple(DEPARTMENTS)


@dataclass(frozen=True, slots=True)
class Name:
    """A name, and its spelling in a login."""

    written: str
    ascii: str


@dataclass(frozen=True, slots=True)
class Names:
    """The first and last names of one locale and gender."""

    first: tuple[Name, ...]
    last: tuple[Name, ...]


def ascii_letters(word: str) -> str:
    """Spell a word of any alphabet in lower-case ASCII letters; ideographs are left out."""
    letters = (c for c in unicodedata.normalize("NFC", word.lower()) if c.isalpha())
    return "".join(_ascii_letter(letter) for letter in letters)


def _ascii_letter(letter: str) -> str:
    if letter in _CYRILLIC:
        return _CYRILLIC[letter]
    if letter in _LATIN_WITHOUT_DECOMPOSITION:
        return _LATIN_WITHOUT_DECOMPOSITION[letter]
    base = unicodedata.normalize("NFD", letter)[0]
    if base.isascii():
        return base
    name = unicodedata.name(letter, "")
    if name.startswith("HANGUL SYLLABLE"):
        return name.split()[-1].lower()
    if "IDEOGRAPH" in name or not name:
        return ""
    _, thai, sound = name.partition("THAI CHARACTER ")
    return (sound if thai else unicodedata.name(base).split()[-1])[0].lower()


@cache
def names_of(locale: str) -> tuple[Names, Names]:
    """The names of a locale's women and men, from faker's word lists."""
    provider = import_module(f"faker.providers.person.{locale}").Provider
    return _gendered(provider, "female"), _gendered(provider, "male")


def _gendered(provider: object, gender: str) -> Names:
    first = _words(provider, f"first_names_{gender}", "first_names")
    last = _words(provider, f"last_names_{gender}", "unisex_last_names", "last_names")
    return Names(
        _spelled(
            first, _words(provider, f"first_romanized_names_{gender}", "first_romanized_names")
        ),
        _spelled(last, _words(provider, "last_romanized_names")),
    )


def _words(provider: object, *attributes: str) -> tuple[str, ...]:
    """The first of these word lists that exists in the locale."""
    for attribute in attributes:
        if words := tuple(getattr(provider, attribute, ())):
            return words
    return ()


def _spelled(words: Iterable[str], romanized: tuple[str, ...]) -> tuple[Name, ...]:
    return tuple(
        Name(word, ascii_letters(romanized[index % len(romanized)] if romanized else word) or "x")
        for index, word in enumerate(words)
    )


def dice(*key: object) -> Random:
    """A random generator; always the same for the same key."""
    return Random("/".join(str(part) for part in key))  # noqa: S311 - repeatable on purpose


class People:
    """Draws the people of one company; no two have the same login."""

    def __init__(self) -> None:
        self._logins: set[str] = set()
        self._weights = [office.weight for office in OFFICES]

    def profile(self, rng: Random, number: int) -> Profile:
        """The Okta profile of a person, with the usual gaps."""
        office = rng.choices(OFFICES, self._weights)[0]
        names = names_of(office.names)[rng.random() < 0.5]
        first, last = rng.choice(names.first), rng.choice(names.last)
        profile: Profile = {
            "firstName": first.written,
            "lastName": last.written,
            "mobilePhone": phone(rng, office) if rng.random() < 0.6 else None,
            "secondEmail": None,
        }
        self._identify(profile, first.ascii, last.ascii)
        if rng.random() < 0.15:
            profile["secondEmail"] = f"{first.ascii}{number}@mail.example"
        _employ(rng, profile, number)
        _locate(rng, profile, office)
        _customize(rng, profile)
        return profile

    def rename(self, rng: Random, profile: Profile) -> Profile:
        """The changes of a profile when the person takes another last name."""
        office = next((o for o in OFFICES if o.city == profile.get("city")), OFFICES[0])
        last = rng.choice(names_of(office.names)[0].last)
        changed: Profile = {"lastName": last.written}
        self._identify(changed, str(profile["login"]).split(".", maxsplit=1)[0], last.ascii)
        if "displayName" in profile:
            changed["displayName"] = f"{profile['firstName']} {last.written}"
        return changed

    def _identify(self, profile: Profile, first: str, last: str) -> None:
        local, count = f"{first}.{last}"[:60], 1
        while (login := f"{local}{count if count > 1 else ''}@{DOMAIN}") in self._logins:
            count += 1
        self._logins.add(login)
        profile["login"] = profile["email"] = login


def _employ(rng: Random, profile: Profile, number: int) -> None:
    profile.update(job(rng))
    if rng.random() < 0.9:
        profile["employeeNumber"] = f"{number:06d}"
        profile["userType"] = "Employee"
    else:
        profile["userType"] = rng.choice(("Contractor", "Intern", "Service"))
    if rng.random() < 0.5:
        profile["displayName"] = f"{profile['firstName']} {profile['lastName']}"
    if rng.random() < 0.05:
        profile["honorificPrefix"] = rng.choice(("Dr.", "Prof.", "Mx."))
    if rng.random() < 0.03:
        profile["nickName"] = profile["firstName"][:3]


def job(rng: Random) -> Profile:
    """A department with its division, a title and a cost center."""
    department = rng.choice(_DEPARTMENTS)
    division, titles = DEPARTMENTS[department]
    cost_center = f"{_DEPARTMENTS.index(department) + 1:02d}{rng.randrange(40):02d}"
    title: str | None = rng.choice(titles) if rng.random() < 0.95 else None
    return {
        "title": title,
        "department": department,
        "division": division,
        "costCenter": cost_center,
    }


def _locate(rng: Random, profile: Profile, office: Office) -> None:
    profile["organization"] = "Acme Corporation"
    profile["city"] = office.city
    if office.state:
        profile["state"] = office.state
    profile["countryCode"] = office.country
    profile["locale"] = f"{office.language}_{office.country}"
    if rng.random() < 0.8:
        profile["streetAddress"] = office.street.format(rng.randrange(1, 250))
        profile["zipCode"] = digits(rng, office.zip_code)
        profile["timezone"] = office.timezone
        profile["preferredLanguage"] = office.language
    match rng.random():
        case chance if chance < 0.7:
            profile["primaryPhone"] = phone(rng, office)
        case chance if chance < 0.8:
            profile["primaryPhone"] = None
        case chance if chance < 0.81:
            profile["primaryPhone"] = ""


BASE_ATTRIBUTES = tuple(
    """login email secondEmail firstName lastName middleName honorificPrefix honorificSuffix title
    displayName nickName profileUrl primaryPhone mobilePhone streetAddress city state zipCode
    countryCode postalAddress preferredLanguage locale timezone userType employeeNumber costCenter
    organization division department managerId manager""".split()  # noqa: SIM905 - fits a screen
)
"""The attributes of every Okta org."""

_CUSTOM: dict[str, tuple[str, float, Callable[[Random], object]]] = {
    "deskNumber": ("string", 0.5, lambda rng: f"{rng.choice('ABCD')}-{rng.randrange(400):03d}"),
    "badgeNumber": ("integer", 0.4, lambda rng: rng.randrange(10_000, 99_999)),
    "workload": ("number", 0.2, lambda rng: rng.choice((0.5, 0.8, 1.0))),
    "remoteWorker": ("boolean", 0.3, lambda rng: rng.random() < 0.5),
    "languages": ("array", 0.2, lambda rng: rng.sample(("en", "de", "fr", "ja", "hi", "uk"), 2)),
    "floors": ("array", 0.05, lambda rng: [rng.randrange(1, 9), rng.randrange(10, 20)]),
    "T_shirt_size": ("string", 0.1, lambda rng: rng.choice("SMLX")),
    "pronouns": ("string", 0.2, lambda rng: rng.choice(("she/her", "he/him", "they/them"))),
    "officeCode": ("string", 0.03, lambda rng: f"o{rng.randrange(9)}"),
    "OfficeCode": ("string", 0.03, lambda rng: f"O{rng.randrange(9)}"),
}
CUSTOM_ATTRIBUTES = {name: kind for name, (kind, _, _) in _CUSTOM.items()}
"""The custom attributes of the org, with their types; two differ only in case, which Okta allows."""


def _customize(rng: Random, profile: Profile) -> None:
    for attribute, (_, share, draw) in _CUSTOM.items():
        if rng.random() < share:
            profile[attribute] = draw(rng)


def phone(rng: Random, office: Office) -> str:
    """A phone number in a format of an office."""
    return digits(rng, rng.choice(office.phones))


def office_phone(rng: Random, city: str | None) -> str:
    """A phone number in a format of a city's office."""
    return phone(rng, next((office for office in OFFICES if office.city == city), OFFICES[0]))


def digits(rng: Random, pattern: str) -> str:
    """The pattern, with a digit for every `#`."""
    parts = pattern.split("#")
    drawn = f"{rng.randrange(10**12):012d}"
    return "".join(part + digit for part, digit in zip(parts[:-1], drawn, strict=False)) + parts[-1]
