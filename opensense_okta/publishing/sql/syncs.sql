-- One row per stored snapshot: how it was read, and the evidence that it is complete.
--
-- set variable manifests = ['…/manifest.json'];
create or replace temp view new_syncs as
select
    directory, day, run_id, mode, started, finished,
    cost.requests as requests, cost.waits as waits,
    rows, evidence as proof
from read_json(
    getvariable('manifests'),
    columns = {
        directory: 'VARCHAR', day: 'DATE', run_id: 'VARCHAR', mode: 'VARCHAR',
        started: 'TIMESTAMPTZ', finished: 'TIMESTAMPTZ',
        cost: 'STRUCT(requests BIGINT, waits BIGINT)',
        rows: 'STRUCT(raw_users BIGINT, raw_groups BIGINT, memberships BIGINT)',
        evidence: 'JSON'
    }
)
order by day, directory;
