"""Graph's objects as JSON, with the selected properties; encoded once for all listings."""

import msgspec

from opensense_okta.simulator.company.state import Json
from opensense_okta.simulator.entra.groups import Member
from opensense_okta.simulator.entra.properties import DEFAULTS, GROUP, OF_TYPE, USER
from opensense_okta.simulator.entra.tenant import Tenant

Names = tuple[str, ...]


class Rows:
    """Encodes the objects of a tenant; users are kept until something changes."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._revision = -1
        self._users: dict[tuple[Names, Names | None], dict[str, bytes]] = {}

    def user(self, user_id: str, selected: Names, manager: Names | None) -> bytes:
        """A user, with its manager if the manager's properties are requested."""
        if self._revision != self._tenant.revision:
            self._revision = self._tenant.revision
            self._users.clear()
        encoded = self._users.setdefault((selected, manager), {})
        row = encoded.get(user_id)
        if row is None:
            row = encoded[user_id] = msgspec.json.encode(self._user(user_id, selected, manager))
        return row

    def group(self, group_id: str, selected: Names) -> bytes:
        """A group."""
        return msgspec.json.encode(_select(self._tenant.groups[group_id], GROUP, selected))

    def member(self, member: Member, selected: Names | None, *, readable: bool) -> bytes:
        """A member of a group; only type and id if the caller may not read its type."""
        if selected == ("id",):
            return b'{"@odata.type":"#microsoft.graph.%b","id":"%b"}' % (
                member.type.encode(),
                member.id.encode(),
            )
        known = OF_TYPE[member.type]
        names = DEFAULTS[member.type] if selected is None else selected
        visible = tuple(name for name in names if name in known)
        row: Json = {"@odata.type": f"#microsoft.graph.{member.type}"}
        if readable:
            return msgspec.json.encode(
                row | _select(self._tenant.of_member(member), known, visible)
            )
        return msgspec.json.encode(row | dict.fromkeys(visible) | {"id": member.id})

    def _user(self, user_id: str, selected: Names, manager: Names | None) -> Json:
        user = self._tenant.users[user_id]
        row = _select(user, USER, selected)
        manager_user = self._tenant.users.get(user.get("manager", ""))
        if manager is not None and manager_user:
            tag = {"@odata.type": "#microsoft.graph.user"}
            row["manager"] = tag | _select(manager_user, USER, manager)
        return row


def _select(properties: Json, empty: Json, names: Names) -> Json:
    """The selected properties; an unset one is null or an empty list."""
    row = {name: properties.get(name, empty[name]) for name in names}
    if extension := row.get("onPremisesExtensionAttributes"):
        row["onPremisesExtensionAttributes"] = empty["onPremisesExtensionAttributes"] | extension
    return row
