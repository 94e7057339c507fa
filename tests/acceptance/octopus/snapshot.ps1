# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What an Octopus Server holds, without the collection's help: rows per table, and the hash of every file. On the host:
#   snapshot.ps1 -OutFile before.txt ; (upgrade) ; snapshot.ps1 -OutFile after.txt ; Compare-Object (gc before.txt) (gc after.txt)
# Files are named without their folder: the 2019.1 upgrade moves packages.

param([Parameter(Mandatory)][string] $OutFile, [string] $OctopusHome = 'C:\Octopus', [string] $Database = 'Octopus')

$ErrorActionPreference = 'Stop'
$tables = 'Account', 'Artifact', 'Channel', 'DeploymentEnvironment', 'Deployment', 'Feed', 'LibraryVariableSet', 'Lifecycle', 'Machine',
    'Project', 'ProjectGroup', 'ProjectTrigger', 'Release', 'Subscription', 'TagSet', 'Team', 'Tenant', 'User', 'VariableSet'
$lines = @()
$connection = New-Object System.Data.SqlClient.SqlConnection "Server=(local);Database=$Database;Integrated Security=true"
$connection.Open()
try {
    foreach ($table in $tables) {
        $command = $connection.CreateCommand()
        $command.CommandText = "IF OBJECT_ID('dbo.[$table]') IS NULL SELECT -1 ELSE EXEC('SELECT COUNT(*) FROM dbo.[$table]')"
        $lines += "rows $table $($command.ExecuteScalar())"
    }
}
finally {
    $connection.Dispose()
}
foreach ($folder in 'TaskLogs', 'Artifacts', 'Packages') {
    $root = Join-Path $OctopusHome $folder
    if (Test-Path $root) {
        $lines += Get-ChildItem -Path $root -Recurse -File | ForEach-Object {
            "$folder $($_.Name) $((Get-FileHash -Path $_.FullName -Algorithm SHA256).Hash)"
        }
    }
}
$lines | Sort-Object | Set-Content -Path $OutFile -Encoding utf8
