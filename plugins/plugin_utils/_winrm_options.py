# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a winrm or psrp connection plugin to the options of this collection's own WinRM client, without connecting.

Private to this collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible_collections.octopus.upgrade.plugins.module_utils._core.errors import UpgradeError

# Option of the modules -> option of the connection plugin.
WINRM_OPTIONS = {
    "host": "remote_addr",
    "port": "port",
    "scheme": "scheme",
    "path": "path",
    "username": "remote_user",
    "password": "remote_password",
    "transport": "transport",
    "kinit_command": "kerberos_command",
    "kinit_args": "kinit_args",
    "kinit_mode": "kerberos_mode",
}
# Variables ansible_winrm_* that the plugin passes to pywinrm, under the names of this collection.
WINRM_EXTRAS = {
    "ca_trust_path": "ca_trust_path",
    "cert_key_pem": "cert_key_pem",
    "cert_pem": "cert_pem",
    "credssp_disable_tlsv1_2": "credssp_disable_tlsv1_2",
    "kerberos_delegation": "kerberos_delegation",
    "kerberos_hostname_override": "kerberos_hostname_override",
    "keytab": "keytab",
    "message_encryption": "message_encryption",
    "operation_timeout_sec": "operation_timeout",
    "proxy": "proxy",
    "read_timeout_sec": "read_timeout",
    "realm": "realm",
    "send_cbt": "send_cbt",
    "server_cert_validation": "server_cert_validation",
    "service": "service",
}
PSRP_OPTIONS = {
    "host": "remote_addr",
    "username": "remote_user",
    "password": "remote_password",
    "transport": "auth",
    "server_cert_validation": "cert_validation",
    "ca_trust_path": "ca_cert",
    "message_encryption": "message_encryption",
    "operation_timeout": "operation_timeout",
    "read_timeout": "read_timeout",
    "proxy": "proxy",
    "cert_pem": "certificate_pem",
    "cert_key_pem": "certificate_key_pem",
    "credssp_disable_tlsv1_2": "credssp_disable_tlsv1_2",
    "kerberos_delegation": "negotiate_delegate",
    "kerberos_hostname_override": "negotiate_hostname_override",
    "send_cbt": "negotiate_send_cbt",
    "service": "negotiate_service",
}


class ConnectionRefused(UpgradeError):
    """A host that the modules cannot reach by WinRM; the message says what to set."""


def options_of(connection: Any, name: str, url: str | None = None) -> dict[str, Any]:
    """The options of one host, from its connection plugin.

    Args:
        connection: A connection plugin object whose options are set.
        name: The host's inventory name.
        url: Where the Octopus node on it answers, if the inventory says so.

    Raises:
        ConnectionRefused: It is neither winrm nor psrp.
    """
    kind = connection.transport
    if kind == "winrm":
        options = _winrm(connection)
    elif kind == "psrp":
        options = _psrp(connection)
    else:
        raise ConnectionRefused(
            f"it acts on Windows through WinRM, but {name} has ansible_connection: {kind}. "
            "Set ansible_connection: winrm (or psrp) for it, with ansible_user and ansible_password, "
            "or run the task for a Windows host of the inventory."
        )
    options.update(name=name, url=url)
    return {option: value for option, value in options.items() if value is not None}


def _winrm(connection: Any) -> dict[str, Any]:
    options = {ours: connection.get_option(theirs) for ours, theirs in WINRM_OPTIONS.items()}
    timeout = connection.get_option("connection_timeout")
    if timeout:
        # As the plugin does: it sets both.
        options["operation_timeout"] = timeout
        options["read_timeout"] = int(timeout) + 10
    for variable, value in (connection.get_option("_extras") or {}).items():
        ours = WINRM_EXTRAS.get(variable.removeprefix("ansible_winrm_"))
        if ours:
            options[ours] = value
    return options


def _psrp(connection: Any) -> dict[str, Any]:
    options = {ours: connection.get_option(theirs) for ours, theirs in PSRP_OPTIONS.items()}
    port, scheme = connection.get_option("port"), connection.get_option("protocol")
    if scheme is None:
        scheme = "http" if port is not None and int(port) == 5985 else "https"
    options["scheme"] = scheme
    options["port"] = port if port is not None else (5985 if scheme == "http" else 5986)
    options["path"] = "/" + str(connection.get_option("path")).lstrip("/")
    if connection.get_option("ignore_proxy") and options["proxy"] is None:
        options["proxy"] = ""
    if int(options["read_timeout"]) <= int(options["operation_timeout"]):
        options["read_timeout"] = int(options["operation_timeout"]) + 10
    return options


def options_of_node(node: str, hostvars: Any, task: Any, play_context: Any, connection_loader: Any) -> dict[str, Any]:
    """The options of an inventory host other than the task's own.

    Args:
        hostvars: The variables of all hosts, templated for each.
        task: The task, for keywords such as remote_user that hold for every host.

    Raises:
        ConnectionRefused: No such host, its variables cannot be read, or it is not reached by WinRM.
    """
    if node not in hostvars:
        raise ConnectionRefused(f"nodes names {node}, but the inventory has no such host. Known: {', '.join(sorted(hostvars))}.")
    variables = hostvars[node]
    try:
        connection = _connection(node, variables, task, play_context, connection_loader)
        url = variables.get("octopus_node_url")
    except AnsibleError as error:
        raise ConnectionRefused(f"the connection variables of {node} cannot be read: {error}") from error
    return options_of(connection, node, url)


def _connection(node: str, variables: Mapping[str, Any], task: Any, play_context: Any, connection_loader: Any) -> Any:
    """A connection plugin object for the node, with its options set. It reads only the variables it needs: others may not template."""
    kind = variables.get("ansible_connection") or task.connection or C.DEFAULT_TRANSPORT
    context = play_context.copy()
    context.remote_addr = node
    connection = connection_loader.get(kind, context)
    if connection is None:
        raise ConnectionRefused(f"{node} has ansible_connection: {kind}, and there is no such plugin. Set winrm or psrp.")
    names = C.config.get_plugin_vars("connection", connection._load_name)
    values: dict[str, Any] = {name: variables[name] for name in names if name in variables}
    if connection.allow_extras:
        prefix = f"ansible_{connection.transport}_"
        values["_extras"] = {name: variables[name] for name in variables if name.startswith(prefix) and name not in names}
    keywords = task.dump_attrs()
    # The task's timeout and retries are not the connection's.
    keywords.pop("timeout", None)
    keywords.pop("retries", None)
    if play_context.password:
        keywords["password"] = play_context.password
    connection.set_options(task_keys=keywords, var_options=values)
    return connection
