# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the clone reaches anybody else: mail, extensions, telemetry, certificates, Git, feeds."""

from __future__ import annotations

from ansible_collections.octopus.upgrade.plugins.module_utils._quarantine import documents, shapes

from .look import Check, Look, check, is_true


def _on(look: Look, item: str) -> list[str]:
    """Rows of Configuration whose properties are those of an item, whatever their ids, and which do not say that it is off."""
    return [key for key, value in look.documents("Configuration") if shapes.is_on(item, value)]


def extensions(look: Look) -> Check:
    """No issue tracker, ITSM system or Octopus ID is reached."""
    wrong: list[str] = []
    if look.has("ExtensionConfiguration"):
        wrong += look.ids("ExtensionConfiguration", "[Id] IN (?, ?)", "authentication-octopusid", "jira-integration")
        on = [key for key, _path, value in look.properties("ExtensionConfiguration", "IsEnabled") if is_true(value)]
        if look.has("ExtensionConfiguration", "IsEnabled"):
            on += look.ids("ExtensionConfiguration", "[IsEnabled] = 1")
        wrong += [key for key in on if not key.lower().startswith("authentication-")]
    wrong += [
        key
        for key, path, value in look.properties("Configuration", "IsEnabled")
        if path.lower() == "isenabled"
        and is_true(value)
        and any(word in key.lower() for word in ("jira", "issuetracker", "servicenow", "octopusid"))
    ]
    wrong += look.unread("ExtensionConfiguration", "IsEnabled")
    return check("extensions", wrong, "extensions that reach others", "no issue tracker, ITSM or Octopus ID is reached")


def mail(look: Look) -> Check:
    """No mail server is set."""
    wrong = [key for key, _path, value in look.properties("Configuration", "SmtpHost") if value]
    wrong += look.unread("Configuration")
    return check("mail", wrong, "a mail server is set in", "no mail server is set")


def audit_stream(look: Look) -> Check:
    """The audit log is not streamed. Its switch is ``Active`` (https://octopus.com/docs/octopus-rest-api, Audit Stream)."""
    wrong = look.unread("Configuration")
    for key, value in look.documents("Configuration"):
        plain = key.lower().replace("-", "").replace("_", "")
        if "auditstream" in plain or "streamaudit" in plain:
            text = documents.write(value).lower()
            on = any(
                is_true(inner[name])
                for _path, inner in documents.objects(value)
                for name in inner
                if name.lower() in ("active", "isactive") or name.lower().endswith("enabled")
            )
            wrong += [key] if on or "://" in text else []
    wrong += _on(look, "audit_stream")
    for table in look.columns:
        if "auditstream" in table.replace("_", "") and look.ids(table):
            wrong.append(look.names[table])
    return check("audit_stream", wrong, "the audit log is streamed by", "the audit log is not streamed")


def telemetry(look: Look) -> Check:
    """No telemetry is sent. It is on where the settings do not say otherwise."""
    wrong = [key for key, _path, value in look.properties("Configuration", "IncludeStatistics", "SendTelemetry") if is_true(value)]
    for key, value in look.documents("Configuration"):
        if "telemetry" in key.lower() and any(is_true(documents.get(value, name)) for name in ("Enabled", "IsEnabled")):
            wrong.append(key)
        if key.lower() == "telemetry" and documents.get(value, "Enabled") is not False:
            wrong.append(key)
    wrong += _on(look, "telemetry")
    wrong += look.enabled_by_default("upgrades", "IncludeStatistics")
    return check("telemetry", wrong, "telemetry is sent by", "no telemetry is sent")


def upgrade_check(look: Look) -> Check:
    """No new version is looked for."""
    wrong = [key for key, _path, value in look.properties("Configuration", "AllowChecking") if is_true(value)]
    wrong += look.enabled_by_default("upgrades", "AllowChecking")
    return check("upgrade_check", wrong, "new versions are looked for by", "no new version is looked for")


def lets_encrypt(look: Look) -> Check:
    """No certificate is renewed."""
    wrong = [
        key
        for key, path, value in look.properties("Configuration", "Enabled", "IsEnabled")
        if ("encrypt" in key.lower() or "acme" in key.lower()) and "." not in path and is_true(value)
    ]
    wrong += _on(look, "lets_encrypt")
    wrong += look.unread("Configuration")
    return check("lets_encrypt", wrong, "certificates are renewed by", "no certificate is renewed")


def git(look: Look) -> Check:
    """No Git repository can be written to."""
    wrong: list[str] = []
    for table in ("Project", "Configuration"):
        wrong += look.unread(table)
        for key, value in look.documents(table):
            for _path, inner in documents.objects(value):
                url, credentials = documents.get(inner, "Url"), documents.get(inner, "Credentials")
                if isinstance(credentials, dict) and documents.has(credentials, "Type") and documents.has(inner, "Url"):
                    anonymous = str(documents.get(credentials, "Type")).lower() == "anonymous" and len(credentials) == 1
                    host = str(url or "").partition("://")[2].partition("/")[0]
                    wrong += [] if anonymous and "@" not in host else [key]
    return check("git", wrong, "a Git repository can be written to by", "no Git repository can be written to")


def external_feeds(look: Look) -> Check:
    """No external feed is reached."""
    if not look.has("Feed"):
        return Check("external_feeds", True, 0, "this version has no table Feed")
    held = {key: value for key, value in look.documents("Feed") if isinstance(value, dict)}
    kinds = (
        look.values("Feed", "FeedType")
        if look.has("Feed", "FeedType")
        else {key: documents.get(held.get(key), "FeedType") for key in look.ids("Feed")}
    )
    uris = (
        look.values("Feed", "FeedUri") if look.has("Feed", "FeedUri") else {key: documents.get(held.get(key), "FeedUri") for key in kinds}
    )
    wrong = []
    for key, kind in kinds.items():
        if str(kind or "").lower().replace(" ", "") in ("builtin", "octopusproject"):
            continue
        copies = [uris.get(key), *([documents.get(held[key], "FeedUri")] if documents.has(held.get(key), "FeedUri") else [])]
        if any(".invalid" not in str(one or "") for one in copies):
            wrong.append(key)
    return check(
        "external_feeds", wrong, "feeds that reach others (one without an address has to be deleted by hand)", "no external feed is reached"
    )
