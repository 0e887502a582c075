#!/bin/bash
# Connects to the controller, with the secret that it wrote, and stays connected.
set -eu
while [ "$#" -gt 0 ]; do
    case "$1" in
        -secret) secret=${2#@} ;;
        -url) address=${2#http://} ;;
    esac
    shift
done
[ -s "$secret" ]
exec 3<> "/dev/tcp/${address%:*}/$(echo "${address##*:}" | tr -d /)"
echo "Connected"
exec cat <&3
