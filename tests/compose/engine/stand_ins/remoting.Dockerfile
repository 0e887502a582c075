# Stands in for Jenkins's agent image: a program that does with a secret and an address what the agent's Java does with
# them, but for the builds. So files, user, network and health check of our image are tried, and no build is.
ARG BASE
FROM ${BASE}
COPY java.sh /opt/java/openjdk/bin/java
RUN mkdir -p /usr/share/jenkins && touch /usr/share/jenkins/agent.jar && chmod 755 /opt/java/openjdk/bin/java
