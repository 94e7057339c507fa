#!/usr/bin/env bash
# ansible-test integration against a lab. Usage: tools/integration.sh [target ...]
set -euo pipefail
cd "$(dirname "$0")/.."
exec build/venv/bin/python tools/integration.py "$@"
