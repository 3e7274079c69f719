# The software delivery machine and its hub in an image: one program, started as the one or the other.
#
# A machine:
#
#   docker build -t sdm .
#   docker run --name sdm -v sdm-state:/var/lib/sdm -v "$PWD":/repositories/own sdm
#   docker exec sdm sdm trust repositories/own
#
# Repositories are found below /repositories, so each waits until it is trusted; `docker exec sdm sdm show machines` lists
# them. The state, trust included, is in the volume.
# The program needs neither git nor ssh for itself over https and file; goals and ssh remotes do. Goals run inside this
# container, with what is in it: build upon it (FROM sdm) to add your compilers.
#
# The hub, whose memory, secret of webhooks and audit log are in its volume; the first start prints the first key and the link of the first
# administrator (docker logs hub):
#
#   docker run --name hub -v hub-state:/var/lib/sdm -p 127.0.0.1:2867:2867 sdm \
#       hub --listen 0.0.0.0:2867 --address https://hub.example.org
#   docker exec hub sdm hub key new OWNER
#
# Put what speaks https in front of it, and name it by --proxy so that the hub believes where requests come from. A memory in Postgres
# (--database postgres://…) needs no volume for itself, and several such hubs share it. Settings of `sdm hub` stand behind `hub`; files that
# they name, such as that of --sign-in, are mounted: -v "$PWD"/sign-in:/etc/sdm:ro.

ARG DEBIAN=bookworm
ARG RUST=1.95.0

FROM rust:${RUST}-slim-${DEBIAN} AS build
ARG RUST
# The toolchain of the image rather than the one rust-toolchain.toml would fetch.
ENV RUSTUP_TOOLCHAIN=${RUST} CARGO_INCREMENTAL=0
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --release --bin sdm \
    && install -m 0755 target/release/sdm /usr/local/bin/sdm

FROM debian:${DEBIAN}-slim
# tini is process 1 and reaps what goals leave behind.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git openssh-client tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 sdm \
    && useradd --system --uid 10001 --gid sdm --home-dir /var/lib/sdm --shell /usr/sbin/nologin sdm \
    && install -d -m 0700 -o sdm -g sdm /var/lib/sdm \
    && install -d -o sdm -g sdm /repositories
COPY --from=build /usr/local/bin/sdm /usr/local/bin/sdm
COPY LICENSE /usr/share/doc/sdm/LICENSE
USER sdm
ENV HOME=/var/lib/sdm SDM_HOME=/var/lib/sdm
WORKDIR /var/lib/sdm
VOLUME /var/lib/sdm
# Of the hub; a machine opens no port.
EXPOSE 2867
# Whichever of the two runs here lives. Whether it takes requests or work is asked by `sdm hub health --ready` and `sdm doctor --ready`; in
# Kubernetes each is an `exec` probe.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD sdm doctor --alive || sdm hub health
ENTRYPOINT ["tini", "--", "sdm"]
# A machine, unless something else is said, such as `hub`.
# Repositories that belong to another user are refused; run as their owner: --user "$(id -u):$(id -g)".
CMD ["start", "--local", "/repositories"]
