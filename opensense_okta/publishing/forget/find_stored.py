"""Finds the person who is to be forgotten, on all stored days and in the identity ledger."""

from datetime import date

from opensense_okta.publishing.explain.find_person import (
    Found,
    StoredDay,
    find,
    stored_day,
    stored_days,
)
from opensense_okta.publishing.forget.plan import Person
from opensense_okta.resolution import ledger
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql


def find_stored(lake: Lake, who: str) -> list[Found]:
    """The people that match best. Retention deletes days and keeps the ledger, so it is searched, too."""
    return find(lake, _days(lake), who) or _find_in_ledger(lake, who)


def with_accounts(lake: Lake, person_id: str) -> Person:
    """A person with the accounts that belonged to nobody else since, and with those that did."""
    with engine.start(lake.scratch) as connection:
        ledger.load(connection, lake, date.max)
        sql = Sql(connection, __package__)
        sql.run("person.sql")
        for day in _days(lake):
            engine.view(connection, "accounts", day.table(lake, "accounts"))
            sql.run("accounts_of_day.sql", day=str(day.day))
        owners = dict(sql.rows("accounts_of_person.sql", tuple[str, str], person=person_id))
    own = tuple(account for account, owner in owners.items() if owner == person_id)
    others = {account: owner for account, owner in owners.items() if owner != person_id}
    return Person(person_id, own, others)


def _days(lake: Lake) -> list[StoredDay]:
    return [day for stored in stored_days(lake) if (day := stored_day(lake, stored))]


def _find_in_ledger(lake: Lake, who: str) -> list[Found]:
    with engine.start(lake.scratch) as connection:
        ledger.load(connection, lake, date.max)
        return Sql(connection, __package__).rows("in_ledger.sql", Found, who=who)
