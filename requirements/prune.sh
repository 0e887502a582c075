#!/bin/sh
# Takes out of an environment what no program of ours reads: tests, type stubs, sources and headers of compiled parts,
# and their debugging symbols where those are large.
# Usage: prune.sh VENV [MODULE_FOLDER ...]; a folder or file of site-packages that is not needed either.
set -eu
packages="$1/lib/python3.11/site-packages"
shift
for unneeded in "$@"; do
    # A pattern that matches nothing would keep what it was written to remove.
    # shellcheck disable=SC2086 - the patterns are to be expanded
    ls -d "$packages"/$unneeded > /dev/null
    rm -r "$packages"/$unneeded
done
find "$packages" -type d -name tests -prune -exec rm -r {} +
find "$packages" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' \) -delete
# The libraries beside wheels (*.libs) were moved into place by tools that strip does not get on with.
find "$packages" -name '*.so*' -type f -size +8M -not -path '*.libs/*' -exec strip --strip-unneeded {} +
