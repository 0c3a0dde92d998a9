"""What the history of people costs when a day is published, by the number of stored days: `make bench`.

Each day 1 % of the people change. The history is made from all days once, and then a day is appended.
"""

import time
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import duckdb

from opensense_okta.publishing import history
from opensense_okta.publishing.published import Published, mark_name, record_publication
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import HISTORY, Lake

HERE = Path(__file__).parent
FIRST = date(2025, 1, 1)
COLUMNS = 20

INTRODUCTION = """# What the history of people costs

CPU seconds of one process for {people:,} people of whom 1 % change each day: the history made from all
stored days, and a day appended to the stored history.

| stored days | made from all days | a day appended |
| --- | --- | --- |
"""


def resolved_people(
    connection: duckdb.DuckDBPyConnection, lake: Lake, number: int, people: int
) -> ResolvedManifest:
    """Stores the people of a day."""
    day = FIRST + timedelta(days=number)
    partition = lake.resolved(day)
    draft = partition.draft()
    connection.execute(
        """
        create or replace table people as
        select
            'p' || person as person_id,
            md5(person || '.' || if((person + $day) % 100 = 0, $day, 0)) as content
        from range($people) people(person)
        """,
        {"people": people, "day": number},
    )
    texts = ", ".join(f"content[{column + 1}:] as value_{column}" for column in range(COLUMNS))
    table = connection.table("people").select(f"person_id, {texts}")
    table.write_parquet(str(draft.table("people")), compression="zstd")
    manifest = ResolvedManifest(
        id=draft.id,
        organization="acme",
        day=day,
        sources={},
        rules="",
        ledger=None,
        rows={},
        evidence={},
    )
    partition.commit(draft, manifest)
    return manifest


def record(lake: Lake, manifest: ResolvedManifest) -> None:
    """Stores that a day was published."""
    publication = Published(id=manifest.id, day=manifest.day, file="0", resolved=manifest)
    record_publication(lake, publication, lake.store.version(mark_name(lake, manifest.day)))


def published_history(lake: Lake, manifest: ResolvedManifest) -> float:
    """Makes and stores the history as publishing does, and returns the CPU seconds."""
    into, seen = lake.unfinished(HISTORY), lake.store.version(HISTORY)
    started = time.process_time()
    with engine.start(lake.scratch) as connection:
        history.fill(connection, lake, manifest, into)
        connection.execute("create table people_history as from new_people_history")
    taken = time.process_time() - started
    lake.store.keep(into, HISTORY, seen)
    record(lake, manifest)
    return taken


def costs(days: int, people: int) -> tuple[float, float]:
    """The CPU seconds of the history after so many days: made from all, and appended to."""
    with TemporaryDirectory() as folder:
        lake = Lake(Path(folder), "acme")
        lake.create()
        with engine.start(lake.scratch) as connection:
            manifests = [
                resolved_people(connection, lake, number, people) for number in range(days)
            ]
        for manifest in manifests[:-2]:
            record(lake, manifest)
        return published_history(lake, manifests[-2]), published_history(lake, manifests[-1])


@click.command()
@click.option("--days", "counts", multiple=True, type=int, default=(4, 40, 400))
@click.option("--people", default=2_000, show_default=True)
@click.option(
    "--output", type=click.Path(path_type=Path), default=HERE, help="Folder of the results."
)
def main(counts: tuple[int, ...], people: int, output: Path) -> None:
    """Measure the history of people and write history.md."""
    text = INTRODUCTION.format(people=people)
    for days in counts:
        whole, appended = costs(days, people)
        text += f"| {days:,} | {whole:.2f} | {appended:.2f} |\n"
    print(text)
    (output / "history.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
