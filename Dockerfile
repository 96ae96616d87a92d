# failoverd and failoverctl, and nothing else: no shell, no package manager, no other user.
#
#   docker build --tag failoverd .
#   docker run --read-only --cap-drop ALL --volume ledger:/var/lib/failoverd \
#     --volume "$PWD/failoverd.toml:/etc/failoverd/failoverd.toml:ro" failoverd
#
# The last stage starts from nothing. What a distroless base would bring stands in one short script that is
# tested (deploy/image/rootfs.sh), so that no second registry is needed, and the C library that the
# programs run with is the very one that they were linked with.
ARG RUST=1.95.0-bookworm

FROM rust:${RUST} AS build
WORKDIR /build
COPY . .
# The caches make a second build short; what is to be kept leaves them in the same step.
RUN --mount=type=cache,id=failoverd-crates,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=failoverd-target,target=/build/target,sharing=locked \
    cargo build --release --locked --bins \
 && install -D -t /out target/release/failoverd target/release/failoverctl \
 && strip --strip-debug /out/failoverd /out/failoverctl \
 && deploy/image/rootfs.sh /rootfs /out/failoverd /out/failoverctl

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="failoverd" \
      org.opencontainers.image.description="Moves a live application from one AWS Region to another" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /rootfs /
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/failoverd/
# A number, so that Kubernetes can prove that it is not root.
USER 65532:65532
WORKDIR /var/lib/failoverd
VOLUME /var/lib/failoverd
# The API, and what the members say to each other.
EXPOSE 7400 7401
# It ends what stands between an intent and its outcome first: give it half a minute.
STOPSIGNAL SIGTERM
# `alive` asks /livez on loopback; where the API speaks TLS it must be told: FAILOVERCTL_SERVER=https://localhost:7400
# and FAILOVERCTL_CA_FILE. Whether the member does its part is no reason to start it anew.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["/usr/bin/failoverctl", "alive"]
ENTRYPOINT ["/usr/bin/failoverd"]
CMD ["--config", "/etc/failoverd/failoverd.toml", "--log-format", "json"]
