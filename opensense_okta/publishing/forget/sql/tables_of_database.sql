-- The tables of the published database, which is attached as `published`.
select schema_name, table_name
from duckdb_tables() where database_name = 'published'
order by all;
