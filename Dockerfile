# The release image: one static program and nothing else. It needs no CA certificates: the operator
# trusts the CA that its ServiceAccount is given, probes speak to the clone's own Services, and public
# authorities, for registries, are part of the program.
#
# dev/image/build.sh makes the same content without Docker.
FROM docker.io/library/rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY core core
# Not built, but Cargo.toml names them.
COPY tests tests
COPY bench bench
COPY faults faults
COPY dev/tools dev/tools
COPY dev/image/compile.sh dev/image/
RUN cp "$(dev/image/compile.sh)" /kulisse

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Kulisse" \
      org.opencontainers.image.description="Staging environments cloned from what production runs: fenced off, seeded, tested, and gone on time." \
      org.opencontainers.image.url="https://kulisse.dev" \
      org.opencontainers.image.source="https://github.com/kulisse-dev/kulisse" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /kulisse /kulisse
# Numeric, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/kulisse"]
