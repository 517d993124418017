"""Things and members of the tests of histories."""

GTIN = "09506000134352"
MAKER, CARRIER = "9506000000015", "9506000000022"
ITEM, OTHER = (f"https://id.gs1.org/01/{GTIN}/21/{serial}" for serial in ("H1", "H2"))
LOT = f"https://id.gs1.org/01/{GTIN}/10/MILK-7"
CASE, PALLET, PALLET_2 = (f"https://id.gs1.org/00/{sscc}" for sscc in
                          ("095060001343522226", "095060001343522233", "095060001343522240"))  # fmt: skip
TRUCK = "https://id.gs1.org/8004/9506000TRUCK1"
CONTAINER = "urn:epc:id:bic:CSQU3054383"
SENSOR = "https://id.gs1.org/8004/9506000LOGGER1"
