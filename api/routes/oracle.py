"""`/oracle`: reports signed by a quorum of organisations."""

from fastapi import APIRouter

from api.routes.relaying import add_relay
from chain.requests import ReportCustoms, ReportSensor

router = APIRouter(prefix="/oracle", tags=["oracle"])

add_relay(router, "/customs-decisions", ReportCustoms, "Report a customs decision")
add_relay(router, "/sensor-windows", ReportSensor, "Report what a device measured")
