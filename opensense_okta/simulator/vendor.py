"""What the command needs to know about a vendor in order to simulate its API.

It imports nothing heavy: `opensense-okta --help` shows every vendor's options.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from opensense_okta.simulator.faults import Fault
    from opensense_okta.simulator.simulated_api import SimulatedApi

FILE = click.Path(path_type=Path, dir_okay=False)
PORT = click.IntRange(0, 65535)


@dataclass(frozen=True)
class Vendor:
    """A vendor whose API is simulated.

    Attributes:
        name: The vendor's name in messages.
        prefix: What the names of its options' parameters begin with. The parameter `port` is
            required; `enabled` is for vendors that can be left out.
        port: The port on which its API listens by default.
        options: Its options of the command.
        make: Makes its simulator from the company's org, the `latency` in seconds, and the values of
            its options; it raises `click.UsageError` for a wrong value.
        describe: How to call the simulator, from the simulator and the same values.
    """

    name: str
    prefix: str
    port: int
    options: Sequence[click.Option]
    make: "Callable[..., SimulatedApi]"
    describe: Callable[..., str]

    def values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The values of its options, by parameter name without the prefix."""
        start = f"{self.prefix}_"
        return {
            name.removeprefix(start): value
            for name, value in parameters.items()
            if name.startswith(start)
        }


def fault_option(option: str, parameter: str, api: str, example: str) -> click.Option:
    """The option that adds a fault to an API."""
    return click.Option(
        [option, parameter],
        multiple=True,
        metavar="NAME[,KEY=VALUE…]",
        help=f"Fault of {api}, such as {example}. May be repeated.",
    )


def parse_fault(text: str, make_fault: "Callable[..., Fault]", option: str) -> "Fault":
    """The fault that `name,key=value` describes; a value is JSON, or else plain text.

    Raises:
        click.UsageError: There is no such fault, or it has no such key.
    """
    name, *pairs = text.split(",")
    options = {key: _value(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    try:
        return make_fault(name, **options)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
