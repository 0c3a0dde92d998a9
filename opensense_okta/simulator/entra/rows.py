"""Graph's objects as JSON: of each what was selected, rendered once for all listings."""

import msgspec

from opensense_okta.simulator.company.state import Json
from opensense_okta.simulator.entra.groups import Member
from opensense_okta.simulator.entra.properties import GROUP, OF_TYPE, SHOWN, USER
from opensense_okta.simulator.entra.tenant import Tenant

Names = tuple[str, ...]


class Rows:
    """Renders the objects of a tenant, and keeps them until something changes."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._revision = -1
        self._users: dict[tuple[Names, Names | None], dict[str, bytes]] = {}

    def user(self, user_id: str, selected: Names, manager: Names | None) -> bytes:
        """A user, with its manager when the manager's properties are asked for."""
        if self._revision != self._tenant.revision:
            self._revision = self._tenant.revision
            self._users.clear()
        rendered = self._users.setdefault((selected, manager), {})
        row = rendered.get(user_id)
        if row is None:
            row = rendered[user_id] = msgspec.json.encode(self._user(user_id, selected, manager))
        return row

    def group(self, group_id: str, selected: Names) -> bytes:
        """A group."""
        return msgspec.json.encode(_chosen(self._tenant.groups[group_id], GROUP, selected))

    def member(self, member: Member, selected: Names | None, *, readable: bool) -> bytes:
        """What is in a group; of a type that the caller may not read only type and id are told."""
        if selected == ("id",):
            return b'{"@odata.type":"#microsoft.graph.%b","id":"%b"}' % (
                member.type.encode(),
                member.id.encode(),
            )
        known = OF_TYPE[member.type]
        names = SHOWN[member.type] if selected is None else selected
        shown = tuple(name for name in names if name in known)
        row: Json = {"@odata.type": f"#microsoft.graph.{member.type}"}
        if readable:
            return msgspec.json.encode(row | _chosen(self._tenant.of_member(member), known, shown))
        return msgspec.json.encode(row | dict.fromkeys(shown) | {"id": member.id})

    def _user(self, user_id: str, selected: Names, manager: Names | None) -> Json:
        user = self._tenant.users[user_id]
        row = _chosen(user, USER, selected)
        above = self._tenant.users.get(user.get("manager", ""))
        if manager is not None and above:
            tag = {"@odata.type": "#microsoft.graph.user"}
            row["manager"] = tag | _chosen(above, USER, manager)
        return row


def _chosen(properties: Json, empty: Json, names: Names) -> Json:
    """The selected properties; one that is unset is shown as null or as an empty list."""
    row = {name: properties.get(name, empty[name]) for name in names}
    if extension := row.get("onPremisesExtensionAttributes"):
        row["onPremisesExtensionAttributes"] = empty["onPremisesExtensionAttributes"] | extension
    return row
