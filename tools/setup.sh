#!/usr/bin/env bash
# Everything that `make demo` and `make test` need, into build/: virtual environments, and the few system packages.
# Can be run again: what is there already is left alone. Usage: tools/setup.sh [demo|test]
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-test}

say() { printf '==> %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# -- system packages: unixODBC's driver manager (pyodbc's wheel loads it) and FreeTDS, the second ODBC driver; for the tests also
# osslsigncode, a KDC, and what compiles the Kerberos libraries
missing=()
need() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed' || missing+=("$1"); }
if command -v dpkg-query >/dev/null; then
  need libodbc2; need odbcinst; need tdsodbc; need freetds-bin; need shellcheck
  [[ $what == demo ]] || for one in osslsigncode krb5-kdc krb5-admin-server krb5-user libkrb5-dev gcc python3-dev; do need "$one"; done
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  if ((${#missing[@]})); then
    as_root=()
    if ((EUID != 0)); then
      command -v sudo >/dev/null || die "these packages are missing and neither root nor sudo is at hand: ${missing[*]}"
      as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
  fi
else
  say "no dpkg here: unixODBC (libodbc.so.2) and FreeTDS's ODBC driver and tsql are expected to be installed"
fi

# -- Python
python=${PYTHON:-python3}
command -v "$python" >/dev/null || die "no $python found; Python 3.10 or later is wanted (or name one: make test PYTHON=python3.12)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  die "Python 3.10 or later is wanted, $python is $("$python" --version 2>&1); name another: make test PYTHON=python3.12"

environment() { # folder, requirements file
  local stamp="build/$1/.installed" wanted
  wanted=$("$python" --version; cat requirements*.txt)
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  say "virtual environment build/$1 from $2"
  rm -rf "build/$1"
  "$python" -m venv "build/$1"
  "build/$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2"
  printf '%s' "$wanted" > "$stamp"
}
mkdir -p build
environment venv requirements-dev.txt
if [[ $what != demo ]]; then
  environment lint requirements-lint.txt
  if [[ ! -f build/venv/.kerberos ]]; then
    say "Kerberos for build/venv from requirements-kerberos.txt"
    if build/venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-kerberos.txt; then
      touch build/venv/.kerberos
    else
      say "Kerberos is not tested here: its libraries could not be compiled"
    fi
  fi
fi

# -- the tree ansible_collections/octopus/upgrade that ansible-core wants a collection to lie in
tree=build/tree/ansible_collections/octopus
mkdir -p "$tree"
[[ -e $tree/upgrade ]] || ln -s ../../../.. "$tree/upgrade"
