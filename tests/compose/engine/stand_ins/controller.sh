#!/bin/bash
set -eu
: "${JENKINS_ADMIN_PASSWORD:?}"
[ -s "$CASC_JENKINS_CONFIG" ]
(umask 077 && head -c 33 /dev/urandom | base64 > "$AGENT_SECRET_FILE")
touch /var/jenkins_home/started
exec python3.11 /usr/local/bin/page.py 8080
