# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For Windows PowerShell 5.1, after prepare_host.ps1, on a host that can be lost. Installs SQL Server Developer edition and an old
# Octopus Server with a trial licence, in the order of https://github.com/OctopusDeploy/OctopusDSC:
#   prepare_octopus.ps1 -SqlSetup D:\setup.exe -Version 2018.10.7 -LicenseFile C:\octopus-acceptance\licence.xml `
#       -HostName octo-vm -SecretsFile C:\octopus-acceptance\secrets.txt

param(
    # setup.exe of SQL Server 2017 Developer edition: every Octopus version on the way supports it.
    [Parameter(Mandatory)][string] $SqlSetup,
    [Parameter(Mandatory)][string] $Version,
    # The trial licence as its XML, from https://octopus.com/trial
    [Parameter(Mandatory)][string] $LicenseFile,
    # As given to prepare_host.ps1: the certificate's name.
    [Parameter(Mandatory)][string] $HostName,
    # Gets the passwords, one NAME=value a line.
    [Parameter(Mandatory)][string] $SecretsFile,
    [string] $Folder = 'C:\octopus-acceptance'
)

$ErrorActionPreference = 'Stop'
[Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12

function New-RandomPassword {
    $bytes = New-Object byte[] 18
    [Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($bytes)
    'aA1!' + [Convert]::ToBase64String($bytes).Replace('/', '_').Replace('+', '-')
}

function Invoke-Sql([string] $Text) {
    $connection = New-Object System.Data.SqlClient.SqlConnection 'Server=(local);Integrated Security=true'
    $connection.Open()
    try {
        $command = $connection.CreateCommand()
        $command.CommandText = $Text
        [void] $command.ExecuteNonQuery()
    }
    finally {
        $connection.Dispose()
    }
}

function Invoke-Octopus {
    & "$env:ProgramFiles\Octopus Deploy\Octopus\Octopus.Server.exe" @args
    if ($LASTEXITCODE -ne 0) { throw "Octopus.Server.exe $($args[0]) ended with $LASTEXITCODE" }
}

$sqlPassword = New-RandomPassword
$adminPassword = New-RandomPassword
@("SQL_PASSWORD=$sqlPassword", "OCTOPUS_ADMIN_PASSWORD=$adminPassword") | Set-Content -Path $SecretsFile -Encoding ascii

# SQL Server, for Windows and SQL logins, reachable over TCP.
if (-not (Get-Service -Name MSSQLSERVER -ErrorAction SilentlyContinue)) {
    $administrators = ([Security.Principal.SecurityIdentifier] 'S-1-5-32-544').Translate([Security.Principal.NTAccount]).Value
    & $SqlSetup /Q /IACCEPTSQLSERVERLICENSETERMS /ACTION=Install /FEATURES=SQLEngine /INSTANCENAME=MSSQLSERVER `
        "/SQLSYSADMINACCOUNTS=$administrators" /SECURITYMODE=SQL "/SAPWD=$(New-RandomPassword)" /TCPENABLED=1
    if ($LASTEXITCODE -notin 0, 3010) { throw "SQL Server's setup ended with $LASTEXITCODE" }
}
New-NetFirewallRule -Name octopus-acceptance -DisplayName 'octopus.upgrade acceptance' -Direction Inbound -Protocol TCP `
    -LocalPort 443, 1433 -Action Allow -ErrorAction SilentlyContinue | Out-Null

# Octopus Server.
$package = Join-Path $Folder "Octopus.$Version-x64.msi"
Invoke-WebRequest -UseBasicParsing -Uri "https://download.octopusdeploy.com/octopus/Octopus.$Version-x64.msi" -OutFile $package
$run = Start-Process -Wait -PassThru -FilePath msiexec.exe `
    -ArgumentList "/i `"$package`" /quiet /norestart /l*v `"$package.log`" RUNMANAGERONEXIT=no"
if ($run.ExitCode -notin 0, 3010) { throw "msiexec ended with $($run.ExitCode), see $package.log" }

$thumbprint = (Get-ChildItem Cert:\LocalMachine\My | Where-Object Subject -eq "CN=$HostName" | Select-Object -Last 1).Thumbprint
netsh http delete sslcert ipport=0.0.0.0:443 | Out-Null
netsh http add sslcert ipport=0.0.0.0:443 "certhash=$thumbprint" 'appid={E2096A4C-2391-4BE1-9F17-E353F930E7F1}'
if ($LASTEXITCODE -ne 0) { throw 'the certificate cannot be bound to port 443' }

$licence = [Convert]::ToBase64String([IO.File]::ReadAllBytes($LicenseFile))
$instance = @('--console', '--instance', 'OctopusServer')
Invoke-Octopus create-instance @instance --config C:\Octopus\OctopusServer.config --home C:\Octopus
Invoke-Octopus database @instance --connectionString 'Data Source=(local);Initial Catalog=Octopus;Integrated Security=True' `
    --create --grant 'NT AUTHORITY\SYSTEM'
Invoke-Octopus configure @instance --webForceSSL False --webListenPrefixes "https://${HostName}/" --commsListenPort 10943
Invoke-Octopus service @instance --stop
# The admin command offers no other way than its command line.
Invoke-Octopus admin @instance --username admin --email 'admin@example.com' --password $adminPassword
Invoke-Octopus license @instance --licenseBase64 $licence
Invoke-Octopus service @instance --install --reconfigure --start
Invoke-Octopus watchdog --create --interval 5 --instances OctopusServer

# What the collection logs in to SQL Server with: the permissions of the guide "Requirements", and no others.
Invoke-Sql "CREATE LOGIN octopus_upgrade WITH PASSWORD = '$sqlPassword', CHECK_POLICY = OFF"
Invoke-Sql 'GRANT VIEW SERVER STATE TO octopus_upgrade'
Invoke-Sql 'ALTER SERVER ROLE dbcreator ADD MEMBER octopus_upgrade'
Invoke-Sql 'USE msdb; CREATE USER octopus_upgrade; ALTER ROLE db_datareader ADD MEMBER octopus_upgrade'
Invoke-Sql 'USE Octopus; CREATE USER octopus_upgrade; ALTER ROLE db_backupoperator ADD MEMBER octopus_upgrade; ALTER ROLE db_datareader ADD MEMBER octopus_upgrade'
# SQL Server writes its backup where the nodes see it too.
Grant-SmbShareAccess -Name octopus-acceptance -AccountName 'NT SERVICE\MSSQLSERVER' -AccessRight Full -Force | Out-Null
icacls (Join-Path $Folder 'share') /grant 'NT SERVICE\MSSQLSERVER:(OI)(CI)M' | Out-Null
