"""The simulated Google Workspace account as a directory's settings, and its key in a file."""

from pathlib import Path

from opensense_okta.config.directory_models import GoogleDirectory
from opensense_okta.simulator.google.server import ADMINISTRATOR, Simulator


def google_settings(google: Simulator, folder: Path, **more: object) -> dict[str, object]:
    """The directory's settings as the organization file has them."""
    key = folder / f"google-{google.url.rpartition(':')[2]}.json"
    if not key.exists():
        key.write_text(google.key)
        key.chmod(0o600)
    return {
        "kind": "google",
        "service_account": {"file": str(key)},
        "administrator": ADMINISTRATOR,
        "endpoint": google.url,
        **more,
    }


def google_directory(google: Simulator, folder: Path, **more: object) -> GoogleDirectory:
    """The directory's settings."""
    return GoogleDirectory.model_validate(google_settings(google, folder, **more))
