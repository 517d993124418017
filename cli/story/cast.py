"""Who plays: organisations with GLNs of GS1's range for examples (952)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Organisation:
    """A member of the story; `key` is the name of its local key."""

    key: str
    gln: str
    name: str
    country: str
    roles: tuple[str, ...]


BRAND: Final = Organisation("brand", "9521234000013", "Alpsigel AG (brand owner)", "CH", ("BRAND_OWNER",))
MAKER: Final = Organisation("maker", "9521300000015", "Bergkäserei Tobler", "CH", ("MAKER", "TRADER"))
INSPECTOR: Final = Organisation(
    "inspector", "9521301000014", "Helvetia Inspection", "CH", ("INSPECTOR", "ORACLE")
)
CARRIER: Final = Organisation("carrier", "9521302000013", "Rheinfracht Logistik", "DE", ("CARRIER", "ORACLE"))
CUSTOMS_CH: Final = Organisation("customs-ch", "9521303000012", "Customs office Basel", "CH", ("CUSTOMS",))
CUSTOMS_DE: Final = Organisation("customs-de", "9521304000011", "Customs office Weil", "DE", ("CUSTOMS",))
BUYER: Final = Organisation("buyer", "9521305000010", "Feinkost am Markt", "DE", ("TRADER",))
ARBITER: Final = Organisation("arbiter", "9521306000019", "Chamber of Arbitration", "AT", ("ARBITER",))
BANK: Final = Organisation("bank", "9521307000018", "Handelsbank (token issuer)", "DE", ("TOKEN_ISSUER",))
COPYCAT: Final = Organisation("copycat", "9521308000017", "Copycat Foods", "DE", ("MAKER", "TRADER"))

CAST: Final = (
    BRAND,
    MAKER,
    INSPECTOR,
    CARRIER,
    CUSTOMS_CH,
    CUSTOMS_DE,
    BUYER,
    ARBITER,
    BANK,
    COPYCAT,
)
BRAND_PREFIX: Final = "9521234"
MARK_NAME: Final = "ALPSIGEL"
PRICE: Final = 125_000
"""Minor units of EUR: 1,250.00"""
