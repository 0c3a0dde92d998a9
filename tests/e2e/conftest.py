from collections.abc import Iterator

import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.server import Simulator
from opensense_okta.simulator.serving import running
from tests.support.company import UNHURRIED
from tests.support.place import Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A folder with a project's dagster_home, and an Okta to read."""
    org = Org.create(users=60, groups=10, memberships=90)
    with running(Simulator(org, limits=UNHURRIED)) as okta:
        yield Place(tmp_path_factory.mktemp("a place"), okta)
