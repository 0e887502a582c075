#!/bin/sh
# Prints the Pythons of this machine that the project supports and that can make environments: the newest first, one a
# version, by their paths. pyproject.toml's requires-python has the same versions.
set -eu
IFS=:
for version in 3.13 3.12 3.11; do
    for folder in $PATH; do
        # Tried, since being there says little: Debian's Python has no ensurepip without its package python3-venv. What
        # answers says its own path: pyenv's commands are scripts that look on this PATH for what they start.
        if "$folder/python$version" -c 'import ensurepip, sys, venv; print(sys.executable)' 2> /dev/null; then
            break
        fi
    done
done
