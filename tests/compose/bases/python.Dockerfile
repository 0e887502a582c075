# Stands in for python:3.11-slim, from a root file system of Debian's.
FROM scratch
ADD root.tar /
