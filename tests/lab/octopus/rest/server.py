# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of the whole server: maintenance mode, licence, configuration sections.

https://octopus.com/docs/administration/managing-infrastructure/maintenance-mode and the pages "Maintenance Configuration",
"Licenses" and "Configuration" of https://octopus.com/docs/api.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint

from ..licence import LicenceError
from ..moments import moment
from .body import boolean, json_body
from .context import caller, need, node, store
from .errors import invalid, not_found
from .ports import Document

api = Blueprint("server", __name__)

# -- maintenance mode


def _maintenance(on: bool) -> Document:
    return {"Id": "maintenance", "IsInMaintenanceMode": on, "Links": {"Self": "/api/maintenanceconfiguration"}}


@api.get("/maintenanceconfiguration")
def maintenance() -> Document:
    need("AdministerSystem")
    return _maintenance(store().maintenance())


@api.put("/maintenanceconfiguration")
def change_maintenance() -> Document:
    need("AdministerSystem")
    on = boolean(json_body(), "IsInMaintenanceMode")
    here = node()
    was = here.store.maintenance()
    here.store.set_maintenance(on)
    if was != on:
        here.ledger.record("octopus", here.machine, what="maintenance mode", on=on, node=here.name, user=caller().get("Username"))
    return _maintenance(on)


# -- licence


def _expiry(value: Any) -> date | None:
    when = moment(value) if not isinstance(value, date) else None
    return value if isinstance(value, date) else (when.date() if when else None)


@api.get("/licenses/licenses-current")
def licence() -> Document:
    need("AdministerSystem")
    held = store().licence()
    return {
        "Id": "licenses-current",
        "LicenseText": held.get("LicenseText"),
        "SerialNumber": held.get("SerialNumber"),
        "Links": {"Self": "/api/licenses/licenses-current"},
    }


@api.put("/licenses/licenses-current")
def change_licence() -> Document:
    need("AdministerSystem")
    try:
        store().save_licence(str(json_body().get("LicenseText") or ""))
    except LicenceError as error:
        raise invalid(str(error)) from error
    return licence()


@api.get("/licenses/licenses-current-status")
def licence_status() -> Document:
    caller()
    held = store().licence()
    compliant = bool(held.get("IsCompliant", True))
    expires = _expiry(held.get("Expires"))
    days = (expires - node().clock.now().date()).days if expires else None
    body: Document = {
        "Id": "licenses-current-status",
        "IsCompliant": compliant,
        "ComplianceSummary": held.get("ComplianceSummary")
        or (
            "Your Octopus Server is compliant with your license."
            if compliant
            else "Your Octopus Server is not compliant with your license."
        ),
        "EffectiveExpiryDate": f"{expires.isoformat()}T00:00:00.000+00:00" if expires else None,
        "DaysToEffectiveExpiryDate": days,
        "DoesExpiryBlockKeyActivities": False,
        "HostingEnvironment": "SelfHosted",
        "IsPtm": False,
        "IsTrial": False,
        "IsInitialisationLicense": False,
        "Limits": held.get("Limits", []),
        "Messages": held.get("Messages", []),
        "Links": {"Self": "/api/licenses/licenses-current-status"},
    }
    if not node().at_least(2019, 8, 6):
        body["LicenseKind"] = "Subscription"
    return body


# -- configuration sections

SECTIONS = {
    "server-folders": ("Server Folders", "Where task logs, artifacts and packages are kept"),
    "authentication": ("Authentication", "Sign-in options"),
}


def _folders() -> Document:
    """Only the folders that this version has, as it holds them: a value may be null."""
    found = dict(store().folders())
    if node().only_documented:
        found.pop("ImportsDirectory", None)  # in no public source; the vendor's scripts read the five others
    return found


def _sections() -> list[str]:
    """The folders came with the settings page of about 4.1 (https://github.com/OctopusDeploy/Issues/issues/3652)."""
    return [one for one in SECTIONS if one != "server-folders" or node().at_least(4, 1)]


def _section(section_id: str) -> Document:
    name, description = SECTIONS[section_id]
    own = f"/api/configuration/{section_id}"
    return {
        "Id": section_id,
        "Name": name,
        "Description": description,
        "Links": {"Self": own, "Values": f"{own}/values", "Metadata": f"{own}/metadata"},
    }


def _values(section_id: str) -> Document:
    if section_id == "server-folders":
        return _folders()
    return store().configuration(section_id) or {}


def _need_section(section_id: str) -> None:
    if not node().at_least(3, 5) or section_id not in _sections():
        raise not_found(section_id)


@api.get("/configuration")
def configuration() -> Document:
    need("AdministerSystem")
    if not node().at_least(3, 5):
        raise not_found()
    items = [_section(section_id) for section_id in _sections()]
    return {"ItemType": "ConfigurationSection", "TotalResults": len(items), "ItemsPerPage": len(items), "Items": items, "Links": {}}


@api.get("/configuration/<section_id>")
def section(section_id: str) -> Document:
    need("AdministerSystem")
    _need_section(section_id)
    return _section(section_id)


@api.get("/configuration/<section_id>/metadata")
def metadata(section_id: str) -> Document:
    need("AdministerSystem")
    _need_section(section_id)
    properties = [{"Name": name, "Type": "String"} for name in _values(section_id)]
    return {"Description": SECTIONS[section_id][1], "Types": [{"Name": section_id, "Properties": properties}]}


@api.get("/configuration/<section_id>/values")
def values(section_id: str) -> Document:
    need("AdministerSystem")
    _need_section(section_id)
    return _values(section_id)


@api.put("/configuration/<section_id>/values")
def change_values(section_id: str) -> Document:
    need("AdministerSystem")
    _need_section(section_id)
    if section_id == "server-folders":
        # Folders are set by "Octopus.Server.exe path"; the lab has no use for changing them here.
        raise invalid("lab: server folders are changed by the command line only")
    value = {**_values(section_id), **json_body()}
    store().save_configuration(section_id, value)
    return value


# -- the server's own certificate


@api.get("/configuration/certificates/<certificate_id>")
def certificate(certificate_id: str) -> Document:
    """What Tentacles know the server by: CertificateConfigurationResource of OctopusDeploy/OctopusClients. Its permission is *assumed*."""
    need("AdministerSystem")
    own = store().configuration("certificate")
    if certificate_id != "certificate-global" or own is None:
        raise not_found(certificate_id)
    links = {"Self": f"/api/configuration/certificates/{certificate_id}"}
    return {
        "Id": certificate_id,
        "Name": "Octopus Server",
        "Thumbprint": own["Thumbprint"],
        "SignatureAlgorithm": "sha256RSA",
        "Links": links,
    }


# -- documents of their own address: address -> (row of Configuration, first version, secret properties)

DOCUMENTS: dict[str, tuple[str, tuple[int, ...], tuple[str, ...]]] = {
    "smtpconfiguration": ("smtp", (3,), ("SmtpPassword", "Password")),
    "featuresconfiguration": ("features", (3, 4), ()),
    "performanceconfiguration": ("performance", (2018, 1), ()),
    "serverconfiguration": ("server", (3, 5), ()),
    "telemetryconfiguration": ("telemetry", (2021, 1), ()),
    "upgradeconfiguration": ("upgrades", (3, 5), ()),  # a captured reply in OctopusDeploy/octopus-serverspec-extensions
}
# What anybody who is logged in may read (https://github.com/OctopusDeploy/Issues/issues/3276).
OPEN = {"featuresconfiguration", "upgradeconfiguration", "serverconfiguration"}


def sensitive(value: Any) -> Document:
    """A secret as the API shows it: whether there is one (https://octopus.com/docs/octopus-rest-api/octopus.client)."""
    return {"HasValue": value not in (None, "", {}), "NewValue": None}


def _document(address: str) -> Document:
    row, since, secrets = DOCUMENTS[address]
    if not node().at_least(*since):
        raise not_found(address)
    held = {name: sensitive(value) if name in secrets else value for name, value in (store().configuration(row) or {}).items()}
    return {**held, "Id": row, "Links": {"Self": f"/api/{address}"}}


def _read(address: str) -> Document:
    if address in OPEN:
        caller()
    else:
        need("AdministerSystem")
    return _document(address)


def _write(address: str) -> Document:
    need("AdministerSystem")
    row, _since, secrets = DOCUMENTS[address]
    _document(address)
    held = store().configuration(row) or {}
    for name, value in json_body().items():
        if name in ("Id", "Links"):
            continue
        if name not in secrets:
            held[name] = value
        elif isinstance(value, dict) and value.get("NewValue") is not None:
            held[name] = value["NewValue"]
    store().save_configuration(row, held)
    return _document(address)


for _address in DOCUMENTS:
    api.add_url_rule(f"/{_address}", f"read_{_address}", _read, defaults={"address": _address}, methods=["GET"])
    api.add_url_rule(f"/{_address}", f"write_{_address}", _write, defaults={"address": _address}, methods=["PUT"])
