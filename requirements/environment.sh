#!/bin/sh
# Makes the virtual environment VENV of PYTHON, or else of the newest Python that is here. One that is there and works
# stays, unless it is of another Python than the one asked for.
# Usage: environment.sh VENV [PYTHON]
set -eu
venv=$1
python=${2:-}
supported="Python 3.11, 3.12 or 3.13 with its venv module"
remedy="on Debian and Ubuntu: apt install python3-venv"

# Which Python it is, where that is a supported one and has the modules named.
identify() {
    "$1" -c "import sys, $2; print(*sys.version_info[:2], sys.base_prefix) if (3, 11) <= sys.version_info < (3, 14) else sys.exit(1)" 2> /dev/null
}

if [ -n "$python" ] && ! wanted=$(identify "$python" ensurepip,venv); then
    echo "error: PYTHON=$python is no $supported ($remedy)" >&2
    exit 2
fi
if found=$(identify "$venv/bin/python" pip) && [ "$found" = "${wanted:-$found}" ]; then
    exit 0
fi
python=${python:-$(sh "$(dirname "$0")/pythons.sh" | head -n 1)}
if [ -z "$python" ]; then
    echo "error: there is no $supported here: install one ($remedy) or name it (make PYTHON=...)" >&2
    exit 2
fi
echo "Making $venv with $("$python" --version) ($python) ..."
"$python" -m venv --clear "$venv"
