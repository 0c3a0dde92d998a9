"""The HR department's file of the same company, on the org's date.

It is a CSV as HR systems export it. Some titles, e-mails and mobile phones differ from Okta's by
chance; `cast.py` has the special cases.
"""

import csv
import io
from collections.abc import Iterator

from opensense_okta.simulator.company.cast import FRONT_DESK, NULL, Part, chance
from opensense_okta.simulator.company.people import DEPARTMENTS, DOMAIN, Profile
from opensense_okta.simulator.company.state import Json, State

HEADER = (
    "employee_number",
    "First Name",
    "Last Name",
    "Work Email",
    "Job Title",
    "Department",
    "Cost Center",
    "Mobile",
    "Manager Number",
    "active",
)

Row = tuple[str, ...]

NOT_STARTED = (
    ("900011", "Ines", "Albrecht", f"ines.albrecht.new@{DOMAIN}", "Recruiter", "People"),
    ("900012", "Tomasz", "Żak", f"tomasz.zak.new@{DOMAIN}", "Accountant", "Finance"),
)
"""People who only HR has, because they have not started yet."""


def hr_csv(org: State) -> str:
    """The file: comma-separated, a header, one line for each employee number, in their order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(sorted(_rows(org)))
    return text.getvalue()


def _rows(org: State) -> Iterator[Row]:
    part_of = {user_id: part for part, user_id in org.parts.items()}
    unknown = (Part.OKTA_ONLY, Part.HANDED_ON, Part.LENDER)
    for user in org.users.values():
        profile, part = user["profile"], part_of.get(user["id"], "")
        if part not in unknown and profile.get("employeeNumber") and user["status"] != "STAGED":
            yield _row(org, user, part)
    yield from _special_rows(org)


def _row(org: State, user: Json, part: str) -> Row:
    """The row of an employee; by chance HR's title is newer, or the mobile phone is another one."""
    profile, key = user["profile"], (org.seed, user["id"])
    title, mobile = str(profile.get("title") or ""), str(profile.get("mobilePhone") or "")
    email = str(profile["email"])
    if part == Part.PROMOTED or (not part and title and chance("newer title", *key) < 0.08):
        title = _next_title(profile)
    if not part and mobile and chance("HR's mobile", *key) < 0.05:
        mobile = "+1 917 555 0" + f"{int(chance('digits', *key) * 1000):03d}"
    if not part and chance("no e-mail", *key) < 0.03:
        email = ""
    left = user["status"] in ("DEPROVISIONED", "SUSPENDED") or part == Part.LEFT
    return (
        str(profile["employeeNumber"]),
        str(profile["firstName"]),
        str(profile["lastName"]),
        email,
        title,
        str(profile.get("department") or ""),
        str(profile.get("costCenter") or ""),
        mobile,
        str(profile.get("managerId") or ""),
        "false" if left else "true",
    )


def _special_rows(org: State) -> Iterator[Row]:
    profiles = {
        part: org.users[key]["profile"] for part, key in org.parts.items() if key in org.users
    }
    if org.users:
        for number, first, last, email, title, department in NOT_STARTED:
            yield (number, first, last, email, title, department, "0701", "", "", "true")
        first, last, email, number = NULL
        yield (number, first, last, email, "Counsel", "Legal", "0801", "", "", "true")
        for number, first in (("900021", "Mona"), ("900022", "Rafael")):
            title, department = "Facilities Coordinator", "Operations"
            yield (number, first, "Reyes", FRONT_DESK, title, department, "0901", "", "", "true")
    if rehired := profiles.get(Part.REHIRED):
        number = f"9{rehired['employeeNumber'][1:]}"
        yield (number, *_name(rehired), rehired["email"], *_work(rehired), "", "", "false")
    if leaver := profiles.get(Part.HANDED_ON):
        yield ("900001", "Noor", "Haddad", leaver["email"], *_work(leaver), "", "", "true")
    if namesake := profiles.get(Part.NAMESAKE):
        email = namesake["email"].replace("@", ".two@")
        yield ("900041", *_name(namesake), email, "Paralegal", "Legal", "0802", "", "", "true")


def _name(profile: Profile) -> tuple[str, str]:
    return str(profile["firstName"]), str(profile["lastName"])


def _work(profile: Profile) -> tuple[str, str, str]:
    return (
        str(profile.get("title") or ""),
        str(profile.get("department") or ""),
        str(profile.get("costCenter") or ""),
    )


def _next_title(profile: Profile) -> str:
    """The title after a promotion."""
    titles = DEPARTMENTS[str(profile["department"])][1]
    title = str(profile["title"])
    return next((other for other in titles if other != title), title)
