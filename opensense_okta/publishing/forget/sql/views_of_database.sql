-- The views of the published database, which is attached as `published`, and the statements that make them.
select view_name, sql
from duckdb_views() where database_name = 'published' and not internal
order by all;
