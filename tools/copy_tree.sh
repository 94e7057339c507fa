#!/usr/bin/env bash
# A copy of the working tree as a real path …/ansible_collections/octopus/upgrade: ansible-test refuses symbolic links,
# and looks for files with git. The link playbooks/collections, with which playbooks find this collection in a checkout,
# is left out: the copy does not need it, and it points from the collection to itself.
# Usage: tools/copy_tree.sh FOLDER [git pathspec of what else is left out ...]
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1/ansible_collections/octopus/upgrade
shift
rm -rf "$target"
mkdir -p "$target"
git ls-files -z --cached --others --exclude-standard --deduplicate -- . ':!playbooks/collections' "$@" |
  while IFS= read -r -d '' name; do [[ ! -e $name ]] || printf '%s\0' "$name"; done |
  tar --null --files-from - --create | tar --extract --directory "$target"
git -C "$target" init --quiet
git -C "$target" add --all
printf '%s\n' "$target"
