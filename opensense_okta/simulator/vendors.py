"""The vendors whose APIs are simulated, each in a folder of its own."""

from opensense_okta.simulator.entra.vendor import ENTRA
from opensense_okta.simulator.google.vendor import GOOGLE
from opensense_okta.simulator.okta.vendor import OKTA

VENDORS = (OKTA, ENTRA, GOOGLE)
"""The first one's port decides whether the others take their default ports or any free ones."""
