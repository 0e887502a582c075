# Stands in for Jenkins's agent image, which can't be had without its registry: the folders, and nothing in them.
# So the agent's image is built and its commands run, but nothing here connects to a controller.
ARG BASE
FROM ${BASE}
RUN mkdir -p /opt/java/openjdk /usr/share/jenkins && touch /usr/share/jenkins/agent.jar
