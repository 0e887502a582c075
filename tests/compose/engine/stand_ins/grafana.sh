#!/bin/bash
set -eu
: "${GF_SECURITY_ADMIN_PASSWORD:?}"
for folder in datasources dashboards; do
    [ -s "/etc/grafana/provisioning/$folder/scoring.yml" ]
done
[ -s "$GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH" ]
touch /var/lib/grafana/started
exec python3.11 /usr/local/bin/page.py 3000
