"""How many more users each rule of a directory's scope leaves out than in the published directory."""

from collections.abc import Mapping

from opensense_okta.directories.narrowing import LEFT_OUT
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.lake import Lake


def more_left_out(
    lake: Lake, resolved: ResolvedManifest, before: ResolvedManifest | None
) -> dict[str, dict[str, int]]:
    """The numbers by directory and rule; a rule that is new or leaves out no more is not among them.

    Args:
        lake: of the organization; it has the snapshots that the days were resolved from.
        resolved: the day that is evaluated.
        before: the published day; None: there is none.
    """
    then = _evidence(lake, before) if before else {}
    more: dict[str, dict[str, int]] = {}
    for name, evidence in _evidence(lake, resolved).items():
        earlier = then.get(name, {})
        grown = {
            rule.removeprefix(LEFT_OUT): count - earlier[rule]
            for rule, count in evidence.items()
            if rule.startswith(LEFT_OUT) and count > earlier.get(rule, count)
        }
        if grown:
            more[name] = grown
    return more


def _evidence(lake: Lake, resolved: ResolvedManifest) -> dict[str, Mapping[str, int]]:
    """The evidence of the snapshots that a day was resolved from, of those that are still stored."""
    manifests = {
        name: lake.snapshot(name, source.day).manifest(SnapshotManifest)
        for name, source in resolved.sources.items()
    }
    return {
        name: manifest.evidence
        for name, manifest in manifests.items()
        if manifest is not None and manifest.id == resolved.sources[name].id
    }
