# Stands in for Grafana, which Debian does not have: what answers at its port once its files are mounted.
ARG BASE
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists/* \
    && install -d -o 472 -g 0 /var/lib/grafana
COPY page.py grafana.sh /usr/local/bin/
USER 472
ENTRYPOINT ["bash", "/usr/local/bin/grafana.sh"]
