# Copyright (c) 2026, the octopus.upgrade contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Builds the packages of ../packages.py from small.wxs:  build.ps1 -OutFolder C:\octopus-acceptance-msi
# Needs WiX 5 (dotnet tool install --global wix --version 5.0.2).

param([Parameter(Mandatory)][string] $OutFolder)

$ErrorActionPreference = 'Stop'
$codes = '{6F0B0C2E-6A55-4C1B-9E0C-0C5A3C9B7A1'
$packages = @(
    @{ Name = 'one';       Version = '1.0.0'; Code = $codes + '1}'; Slow = 0; Reboot = 0 }
    @{ Name = 'one-again'; Version = '1.0.0'; Code = $codes + '1}'; Slow = 0; Reboot = 0 }
    @{ Name = 'two';       Version = '2.0.0'; Code = $codes + '2}'; Slow = 0; Reboot = 0 }
    @{ Name = 'reboot';    Version = '3.0.0'; Code = $codes + '3}'; Slow = 0; Reboot = 1 }
    @{ Name = 'slow';      Version = '4.0.0'; Code = $codes + '4}'; Slow = 1; Reboot = 0 }
)

New-Item -ItemType Directory -Force -Path $OutFolder | Out-Null
foreach ($package in $packages) {
    $marker = Join-Path $OutFolder "$($package.Name).txt"
    Set-Content -Path $marker -Value $package.Name -NoNewline
    wix build -arch x64 -out (Join-Path $OutFolder "$($package.Name).msi") `
        -d "Version=$($package.Version)" -d "ProductCode=$($package.Code)" -d "Marker=$marker" `
        -d "Slow=$($package.Slow)" -d "Reboot=$($package.Reboot)" (Join-Path $PSScriptRoot 'small.wxs')
    if ($LASTEXITCODE -ne 0) { throw "wix ended with $LASTEXITCODE for $($package.Name)" }
}
