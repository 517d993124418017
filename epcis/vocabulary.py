"""Values of the Core Business Vocabulary 2.0 and their web vocabulary IRIs (CBV 2.0, section 7).

An EPCIS JSON document writes a standard value as a bare name ("shipping"); outside JSON it is an IRI
("https://ref.gs1.org/cbv/BizStep-shipping") or, formerly, a URN ("urn:epcglobal:cbv:bizstep:shipping").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

CBV: Final = "https://ref.gs1.org/cbv/"
GS1_VOC: Final = "https://gs1.org/voc/"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BIZ_STEPS: Final = _names(
    """
        accepting arriving assembling collecting commissioning consigning creating_class_instance
        cycle_counting decommissioning departing destroying disassembling dispensing encoding
        entering_exiting holding inspecting installing killing loading other packing picking
        receiving removing repackaging repairing replacing reserving retail_selling shipping
        staging_outbound stock_taking stocking storing transporting unloading unpacking
        void_shipping sensor_reporting sampling
    """
)
"""CBV 2.0, section 7.1"""

DISPOSITIONS: Final = _names(
    """
        active container_closed damaged destroyed dispensed disposed encoded expired in_progress
        in_transit inactive no_pedigree_match non_sellable_other partially_dispensed recalled
        reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unknown
        available completeness_verified completeness_inferred conformant container_open
        mismatch_instance mismatch_class mismatch_quantity needs_replacement non_conformant
        unavailable
    """
)
"""CBV 2.0, section 7.2"""

TRANSACTION_TYPES: Final = _names(
    """
        bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt
    """
)
"""CBV 2.0, section 7.3"""

PARTY_TYPES: Final = _names(
    """
        owning_party possessing_party location
    """
)
"""CBV 2.0, section 7.4: sources and destinations"""

ERROR_REASONS: Final = _names(
    """
        did_not_occur incorrect_data
    """
)
"""CBV 2.0, section 7.5"""

COMPONENTS: Final = _names(
    """
        x y z axial_distance azimuth height spherical_radius polar_angle elevation_angle easting
        northing latitude longitude altitude
    """
)
"""CBV 2.0, section 7.6: components of sensor readings"""

MEASUREMENT_TYPES: Final = _names(
    """
        AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Radioactivity Altitude
        AmountOfSubstance AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum
        AngularVelocity Area Capacitance Conductance Conductivity Count Density Dimensionless
        DoseEquivalent DoseEquivalentRate DynamicViscosity ElectricCharge ElectricCurrent
        ElectricCurrentDensity ElectricFieldStrength Energy Exposure Force Frequency Illuminance
        Inductance Irradiance KinematicViscosity Length LinearMomentum Luminance LuminousFlux
        LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass
        MassConcentration MassFlowRate MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy
        MolarMass MolarVolume Power Pressure RadiantFlux RadiantIntensity RelativeHumidity
        Resistance Resistivity SolidAngle SpecificVolume Speed SurfaceDensity SurfaceTension
        Temperature Time Torque Voltage Volume VolumeFlowRate VolumeFraction VolumetricFlux
        Wavenumber
    """
)
"""GS1 Web Vocabulary, gs1:MeasurementType"""

ALERT_TYPES: Final = _names(
    """
        ALARM_CONDITION ERROR_CONDITION
    """
)
"""GS1 Web Vocabulary, gs1:SensorAlertType"""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One standard vocabulary: its bare names and the IRI prefix that makes them absolute."""

    label: str
    names: frozenset[str]
    prefix: str
    reserved: tuple[str, ...]
    """IRI prefixes under which GS1's schema refuses any other spelling of a value"""

    def iri(self, name: str) -> str:
        """IRI of a bare name of this vocabulary; any other text comes back unchanged."""
        return self.prefix + name if name in self.names else name


_CBV_RESERVED: Final = ("urn:epcglobal:cbv", "http://ns.gs1.org/cbv/", "https://ns.gs1.org/cbv/")
_VOC_RESERVED: Final = tuple(f"{s}://{h}gs1.org/voc/" for s in ("http", "https") for h in ("", "www."))

BIZ_STEP: Final = Vocabulary("bizStep", BIZ_STEPS, f"{CBV}BizStep-", _CBV_RESERVED)
DISPOSITION: Final = Vocabulary("disposition", DISPOSITIONS, f"{CBV}Disp-", _CBV_RESERVED)
TRANSACTION_TYPE: Final = Vocabulary("bizTransaction type", TRANSACTION_TYPES, f"{CBV}BTT-", _CBV_RESERVED)
PARTY_TYPE: Final = Vocabulary("source or destination type", PARTY_TYPES, f"{CBV}SDT-", _CBV_RESERVED)
ERROR_REASON: Final = Vocabulary("error reason", ERROR_REASONS, f"{CBV}ER-", _CBV_RESERVED)
COMPONENT: Final = Vocabulary("component", COMPONENTS, f"{CBV}Comp-", _CBV_RESERVED)
MEASUREMENT_TYPE: Final = Vocabulary("measurement type", MEASUREMENT_TYPES, GS1_VOC, _VOC_RESERVED)
ALERT_TYPE: Final = Vocabulary("sensor alert type", ALERT_TYPES, GS1_VOC, _VOC_RESERVED)

_URN_TO_IRI: Final = (
    ("urn:epcglobal:cbv:bizstep:", f"{CBV}BizStep-"),
    ("urn:epcglobal:cbv:disp:", f"{CBV}Disp-"),
    ("urn:epcglobal:cbv:btt:", f"{CBV}BTT-"),
    ("urn:epcglobal:cbv:sdt:", f"{CBV}SDT-"),
    ("urn:epcglobal:cbv:er:", f"{CBV}ER-"),
)

_EVENT_FIELDS: Final = {
    "bizStep": BIZ_STEP,
    "disposition": DISPOSITION,
}
_NESTED_FIELDS: Final = {
    ("persistentDisposition", "set"): DISPOSITION,
    ("persistentDisposition", "unset"): DISPOSITION,
    ("bizTransactionList", "type"): TRANSACTION_TYPE,
    ("sourceList", "type"): PARTY_TYPE,
    ("destinationList", "type"): PARTY_TYPE,
    ("sensorReport", "type"): MEASUREMENT_TYPE,
    ("sensorReport", "exception"): ALERT_TYPE,
    ("sensorReport", "component"): COMPONENT,
    ("errorDeclaration", "reason"): ERROR_REASON,
}
FIELDS: Final[Mapping[tuple[str, str], Vocabulary]] = MappingProxyType(
    {**{("", name): v for name, v in _EVENT_FIELDS.items()}, **_NESTED_FIELDS}
)
"""(member that holds the object, "" for the event itself; member) -> vocabulary of its values"""


def modernise(text: str) -> str:
    """Replace CBV 1.x URN prefixes by their CBV 2.0 IRIs (CBV 2.0, section 8.9)."""
    for urn, iri in _URN_TO_IRI:
        text = text.replace(urn, iri)
    return text
