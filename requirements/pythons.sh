#!/bin/sh
# Prints the Pythons of this machine that the project supports and that can make environments: the newest first, one a
# version, by their paths. pyproject.toml's requires-python has the same versions.
set -eu
IFS=:
for version in 3.13 3.12 3.11; do
    for folder in $PATH; do
        # Tried, since being there says little: pyenv leaves commands that only say which of its versions have them, and
        # Debian's Python has no ensurepip without its package python3-venv.
        if "$folder/python$version" -c 'import ensurepip, venv' 2> /dev/null; then
            printf '%s\n' "$folder/python$version"
            break
        fi
    done
done
