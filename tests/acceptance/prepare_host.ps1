# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For Windows PowerShell 5.1. Prepares a Windows host that can be lost for the acceptance tests: WinRM over HTTPS with a self-signed certificate, two local
# administrators with random passwords, a share, a service to stop and start. Run it as an administrator, on the host.
#   prepare_host.ps1 -EnvironmentFile env.txt
# appends the variables that the tests read (README.md), passwords among them, to that file, one NAME=value a line.

param(
    [Parameter(Mandatory)][string] $EnvironmentFile,
    # How the tests reach the host. It stands in the certificate.
    [string] $HostName = '127.0.0.1',
    [string] $Folder = 'C:\octopus-acceptance'
)

$ErrorActionPreference = 'Stop'

function New-RandomPassword {
    # One of each kind, so that no policy objects; the rest is random.
    $bytes = [byte[]]::new(24)
    $source = [Security.Cryptography.RandomNumberGenerator]::Create()
    $source.GetBytes($bytes)
    'aA1!' + [Convert]::ToBase64String($bytes)
}

function New-Administrator([string] $Name) {
    $password = New-RandomPassword
    if ($env:GITHUB_ACTIONS) { Write-Host "::add-mask::$password" }
    $secure = ConvertTo-SecureString $password -AsPlainText -Force
    if (Get-LocalUser -Name $Name -ErrorAction SilentlyContinue) {
        Set-LocalUser -Name $Name -Password $secure
    }
    else {
        New-LocalUser -Name $Name -Password $secure -PasswordNeverExpires -AccountNeverExpires | Out-Null
    }
    # By its SID: its name is translated.
    try {
        Add-LocalGroupMember -SID 'S-1-5-32-544' -Member $Name
    }
    catch [Microsoft.PowerShell.Commands.MemberExistsException] {
        Write-Verbose "$Name is an administrator already"
    }
    $password
}

New-Item -ItemType Directory -Force -Path $Folder | Out-Null

# The account that logs on, and the one that jobs run as. What a local administrator may do over the network is cut down by default:
# https://learn.microsoft.com/troubleshoot/windows-server/windows-security/user-account-control-and-remote-restriction
$password = New-Administrator 'octo-acceptance'
$jobPassword = New-Administrator 'octo-job'
$policies = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
Set-ItemProperty -Path $policies -Name LocalAccountTokenFilterPolicy -Value 1 -Type DWord

# WinRM over HTTPS. A name or an address, in the certificate as what it is.
Enable-PSRemoting -SkipNetworkProfileCheck -Force | Out-Null
$address = $null
$kind = if ([Net.IPAddress]::TryParse($HostName, [ref] $address)) { 'IPAddress' } else { 'DNS' }
$certificate = New-SelfSignedCertificate -Subject "CN=$HostName" -CertStoreLocation Cert:\LocalMachine\My `
    -TextExtension @("2.5.29.17={text}$kind=$HostName&DNS=localhost", '2.5.29.37={text}1.3.6.1.5.5.7.3.1')
Get-ChildItem WSMan:\localhost\Listener | Where-Object { $_.Keys -contains 'Transport=HTTPS' } | Remove-Item -Recurse
New-Item -Path WSMan:\localhost\Listener -Transport HTTPS -Address * -CertificateThumbPrint $certificate.Thumbprint -Force | Out-Null
if (-not (Get-NetFirewallRule -Name octopus-acceptance-winrm -ErrorAction SilentlyContinue)) {
    New-NetFirewallRule -Name octopus-acceptance-winrm -DisplayName 'WinRM over HTTPS (octopus.upgrade acceptance)' `
        -Direction Inbound -Protocol TCP -LocalPort 5986 -Action Allow | Out-Null
}
$body = [Convert]::ToBase64String($certificate.RawData, 'InsertLineBreaks')
$pem = Join-Path $Folder 'winrm.pem'
Set-Content -Path $pem -Value "-----BEGIN CERTIFICATE-----`n$body`n-----END CERTIFICATE-----" -Encoding ascii

# A share. SYSTEM of this very host reaches it as SYSTEM or as the computer account.
$shared = Join-Path $Folder 'share'
New-Item -ItemType Directory -Force -Path $shared | Out-Null
if (-not (Get-SmbShare -Name octopus-acceptance -ErrorAction SilentlyContinue)) {
    $names = 'S-1-5-32-544', 'S-1-5-18' | ForEach-Object {
        ([Security.Principal.SecurityIdentifier] $_).Translate([Security.Principal.NTAccount]).Value
    }
    New-SmbShare -Name octopus-acceptance -Path $shared -FullAccess $names | Out-Null
}

# Nobody prints here.
Set-Service -Name Spooler -StartupType Manual
Start-Service -Name Spooler

@(
    "OCTOPUS_ACCEPTANCE_HOST=$HostName"
    'OCTOPUS_ACCEPTANCE_PORT=5986'
    'OCTOPUS_ACCEPTANCE_SCHEME=https'
    'OCTOPUS_ACCEPTANCE_TRANSPORT=ntlm'
    "OCTOPUS_ACCEPTANCE_CA=$pem"
    "OCTOPUS_ACCEPTANCE_USER=$env:COMPUTERNAME\octo-acceptance"
    "OCTOPUS_ACCEPTANCE_PASSWORD=$password"
    "OCTOPUS_ACCEPTANCE_JOB_USER=$env:COMPUTERNAME\octo-job"
    "OCTOPUS_ACCEPTANCE_JOB_PASSWORD=$jobPassword"
    "OCTOPUS_ACCEPTANCE_SHARE=\\$env:COMPUTERNAME\octopus-acceptance"
    'OCTOPUS_ACCEPTANCE_SERVICE=Spooler'
) | Add-Content -Path $EnvironmentFile -Encoding ascii
