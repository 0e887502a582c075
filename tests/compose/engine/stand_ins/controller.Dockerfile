# Stands in for Jenkins, whose images and plug-ins come from registries of its own: what answers at its port, with its
# user and its folders, and writes the agent's secret. Neither plug-ins nor pipelines are tried.
ARG BASE
FROM ${BASE}
RUN groupadd --gid 1000 jenkins && useradd --uid 1000 --gid jenkins --home-dir /var/jenkins_home jenkins \
    && install -d -o jenkins -g jenkins /var/jenkins_home && mkdir -p /usr/share/jenkins/ref \
    && ln -s /bin/true /usr/local/bin/jenkins-plugin-cli \
    && apt-get update && apt-get install -y --no-install-recommends curl tini && rm -rf /var/lib/apt/lists/*
COPY page.py controller.sh /usr/local/bin/
ENTRYPOINT ["tini", "--", "bash", "/usr/local/bin/controller.sh"]
