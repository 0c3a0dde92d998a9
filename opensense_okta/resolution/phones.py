"""Whether two ways to write a phone number mean the same one."""

from collections.abc import Iterable

import duckdb
import pandas as pd
import phonenumbers


def store(connection: duckdb.DuckDBPyConnection, written: Iterable[tuple[str, object]]) -> None:
    """Fills the table `phone_numbers` with those that are phone numbers, as E.164 with the extension.

    Args:
        connection: with the table.
        written: numbers as directories write them, with the country (ISO 3166, two letters) whose
            way of writing it may be.
    """
    known = [(text, country, _number(text, country)) for text, country in written]
    frame = pd.DataFrame(known, columns=["value", "country", "number"], dtype="string")
    connection.from_df(frame).filter("number is not null").insert_into("phone_numbers")


def _number(text: str, country: object) -> str | None:
    try:
        number = phonenumbers.parse(text, str(country) if country else None)
    except phonenumbers.NumberParseException:
        return None
    meant = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{meant};ext={number.extension}" if number.extension else meant
