# Stands in for Prometheus's own image: Debian's programs, with the user and the folders of that one.
ARG BASE
FROM ${BASE}
COPY prometheus promtool /usr/local/bin/
RUN install -d -o nobody -g nogroup /prometheus
USER nobody
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]
