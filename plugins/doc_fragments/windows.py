# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How modules reach Windows hosts."""

    DOCUMENTATION = r"""
requirements:
  - pywinrm >= 0.5 on the control node
options:
  connection:
    description:
      - The WinRM endpoint to act on. The action plugin fills it with what Ansible resolved for the host of the task
        (C(ansible_host), C(ansible_user), C(ansible_password), C(ansible_winrm_*), C(ansible_psrp_*)), so it is rarely given.
      - What is given here wins over that.
    type: dict
    suboptions:
      name:
        description: The inventory name of the host, for messages and results.
        type: str
      host:
        description: Name or address under which the WinRM service is reached.
        type: str
      port:
        description: Its port; V(5986) with HTTPS, V(5985) with HTTP.
        type: int
      scheme:
        description: V(http) where the port is 5985, else V(https).
        type: str
        choices: [http, https]
      path:
        description: Path of the WinRM service.
        type: str
        default: /wsman
      username:
        description: The account, an administrator of the host.
        type: str
      password:
        description: Its password.
        type: str
      transport:
        description:
          - WinRM transports in the order of preference; the first that the control node supports is used, and tried once.
          - V(negotiate), the default of the P(ansible.builtin.psrp#connection) connection, is Kerberos for V(user@REALM), else NTLM.
        type: list
        elements: str
      server_cert_validation:
        description: Whether the certificate of the service has to be trusted.
        type: str
        choices: [validate, ignore]
        default: validate
      ca_trust_path:
        description: Certificates of authorities to trust, a PEM file on the control node.
        type: path
      cert_pem:
        description: Certificate to log on with, for the transport V(certificate).
        type: path
      cert_key_pem:
        description: Key of that certificate.
        type: path
      message_encryption:
        description:
          - Encryption of the messages themselves, which makes plain HTTP safe with Kerberos, NTLM and CredSSP.
          - V(never) also allows basic authentication over plain HTTP, which is refused otherwise.
        type: str
        choices: [auto, always, never]
        default: auto
      operation_timeout:
        description: Seconds the service waits for output before it answers that there is none yet.
        type: int
        default: 20
      read_timeout:
        description: Seconds to wait for any answer; more than the operation timeout.
        type: int
        default: 30
      proxy:
        description: URL of a proxy; an empty text for none in spite of the environment.
        type: str
      realm:
        description: Kerberos realm.
        type: str
      service:
        description: First part of the service principal name.
        type: str
        default: HTTP
      keytab:
        description: Kerberos keytab.
        type: path
      kinit_mode:
        description: V(managed) gets a ticket, V(manual) takes the one that is there. V(managed) where there is a password.
        type: str
        choices: [managed, manual]
      kinit_command:
        description: Command that gets a ticket.
        type: str
        default: kinit
      kinit_args:
        description: Its arguments.
        type: str
      kerberos_delegation:
        description: Whether the ticket may be forwarded.
        type: bool
        default: false
      kerberos_hostname_override:
        description: Host name in the service principal name, where it is not the one connected to.
        type: str
      credssp_disable_tlsv1_2:
        description: Whether CredSSP allows versions of TLS before 1.2.
        type: bool
        default: false
      send_cbt:
        description: Whether the log-on is bound to the TLS channel.
        type: bool
        default: true
      url:
        description: Where the Octopus Server node on this host answers, from its variable C(octopus_node_url).
        type: str
notes:
  - The module runs on the control node and reaches the Windows host itself, over the same WinRM endpoint and account as the
    P(ansible.builtin.winrm#connection) or P(ansible.builtin.psrp#connection) connection of the host. Any other connection is refused.
"""

    NODES = r"""
requirements:
  - pywinrm >= 0.5 on the control node
options:
  connections:
    description:
      - The WinRM endpoints of the nodes. The action plugin fills it from the inventory for the hosts in O(nodes), or, where
        there is no O(nodes), for the host of the task, so it is rarely given.
    type: list
    elements: dict
    suboptions:
      name:
        description: The inventory name of the host, for messages and results.
        type: str
      host:
        description: Name or address under which the WinRM service is reached.
        type: str
      port:
        description: Its port; V(5986) with HTTPS, V(5985) with HTTP.
        type: int
      scheme:
        description: V(http) where the port is 5985, else V(https).
        type: str
        choices: [http, https]
      path:
        description: Path of the WinRM service.
        type: str
        default: /wsman
      username:
        description: The account, an administrator of the host.
        type: str
      password:
        description: Its password.
        type: str
      transport:
        description:
          - WinRM transports in the order of preference; the first that the control node supports is used, and tried once.
          - V(negotiate), the default of the P(ansible.builtin.psrp#connection) connection, is Kerberos for V(user@REALM), else NTLM.
        type: list
        elements: str
      server_cert_validation:
        description: Whether the certificate of the service has to be trusted.
        type: str
        choices: [validate, ignore]
        default: validate
      ca_trust_path:
        description: Certificates of authorities to trust, a PEM file on the control node.
        type: path
      cert_pem:
        description: Certificate to log on with, for the transport V(certificate).
        type: path
      cert_key_pem:
        description: Key of that certificate.
        type: path
      message_encryption:
        description:
          - Encryption of the messages themselves, which makes plain HTTP safe with Kerberos, NTLM and CredSSP.
          - V(never) also allows basic authentication over plain HTTP, which is refused otherwise.
        type: str
        choices: [auto, always, never]
        default: auto
      operation_timeout:
        description: Seconds the service waits for output before it answers that there is none yet.
        type: int
        default: 20
      read_timeout:
        description: Seconds to wait for any answer; more than the operation timeout.
        type: int
        default: 30
      proxy:
        description: URL of a proxy; an empty text for none in spite of the environment.
        type: str
      realm:
        description: Kerberos realm.
        type: str
      service:
        description: First part of the service principal name.
        type: str
        default: HTTP
      keytab:
        description: Kerberos keytab.
        type: path
      kinit_mode:
        description: V(managed) gets a ticket, V(manual) takes the one that is there. V(managed) where there is a password.
        type: str
        choices: [managed, manual]
      kinit_command:
        description: Command that gets a ticket.
        type: str
        default: kinit
      kinit_args:
        description: Its arguments.
        type: str
      kerberos_delegation:
        description: Whether the ticket may be forwarded.
        type: bool
        default: false
      kerberos_hostname_override:
        description: Host name in the service principal name, where it is not the one connected to.
        type: str
      credssp_disable_tlsv1_2:
        description: Whether CredSSP allows versions of TLS before 1.2.
        type: bool
        default: false
      send_cbt:
        description: Whether the log-on is bound to the TLS channel.
        type: bool
        default: true
      url:
        description: Where the Octopus Server node on this host answers, from its variable C(octopus_node_url).
        type: str
notes:
  - The module runs on the control node and reaches the Windows hosts itself, over the same WinRM endpoints and accounts as their
    P(ansible.builtin.winrm#connection) or P(ansible.builtin.psrp#connection) connections. Any other connection is refused.
"""

    JOB = r"""
options:
  job_user:
    description:
      - Account that long commands run as on the host; they run as a scheduled task, so that a lost connection does not end them.
      - C(SYSTEM) reaches shares as the computer account. An account with a password reaches them as itself, which a WinRM
        log-on cannot. A group managed service account (its name ends in C($)) needs no password.
    type: str
    default: SYSTEM
  job_password:
    description: Password of O(job_user). It goes to the host's task scheduler through the standard input of C(schtasks).
    type: str
  work_root:
    description: Folder on the host for jobs, logs and staged packages. Only administrators may have rights on it.
    type: str
    default: C:\ProgramData\octopus.upgrade
"""
