# Both programs and the command line in one small image: built in one stage, run in another.
ARG RUST=1.95
ARG DEBIAN=bookworm

FROM rust:${RUST}-${DEBIAN} AS build
WORKDIR /src
COPY . .
ENV SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release -p sbh-workers -p sbh-starter -p sbh-cli \
    && install -D -t /out target/release/sbh-workers target/release/sbh-starter target/release/sbh

# Z3 at the version that the native stack has, from the same lock file.
FROM python:3.13-slim-${DEBIAN} AS z3
COPY tools/requirements.txt .
RUN awk -v RS= '/z3-solver==/' requirements.txt >z3.txt \
    && pip install --no-cache-dir --require-hashes --no-deps -r z3.txt \
    && install -D "$(command -v z3)" /out/z3

FROM debian:${DEBIAN}-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl git openssh-client openssl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --uid 10001 sbh \
    && install -d -o sbh -g sbh -m 700 /keys /mirrors
COPY --from=z3 /out/z3 /usr/local/bin/z3
COPY --from=build /out/ /usr/local/bin/
USER sbh
CMD ["sbh-starter", "serve"]
