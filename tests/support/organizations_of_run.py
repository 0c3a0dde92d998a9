"""What a process that executes a run knows of it."""

from pathlib import Path

from opensense_okta.orchestration.instance.run_process import organizations_of_run


def write_organizations(_arguments: str, result: Path) -> None:
    """Writes the organizations of the run of this process.

    Args:
        _arguments: those of the run, as Dagster's code server passes them to the process.
        result: the file that is written.
    """
    result.write_text(str(sorted(organizations_of_run() or ())))
