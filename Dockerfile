# Builds the programs: docker build --target worker|webhookbridge|approvals|starter .
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# The repository itself is not copied, so its commit is named: --build-arg COMMIT=$(git rev-parse HEAD)
# A release is named too: --build-arg RELEASE=v0.3.0
ARG COMMIT=
ARG RELEASE=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-X github.com/privatereply/privatereply/internal/version.commit=$COMMIT -X github.com/privatereply/privatereply/internal/version.release=$RELEASE" -o /bin/ ./worker ./webhookbridge ./approvals ./starter
RUN echo 'nonroot:x:65532:65532::/:' > /passwd

# Nothing but a program and the certificates to call Meta with: no shell, no root.
FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /passwd /etc/passwd
USER 65532:65532

FROM base AS worker
COPY --from=build /bin/worker /worker
ENTRYPOINT ["/worker"]

FROM base AS webhookbridge
COPY --from=build /bin/webhookbridge /webhookbridge
ENTRYPOINT ["/webhookbridge"]

FROM base AS approvals
COPY --from=build /bin/approvals /approvals
ENTRYPOINT ["/approvals"]

FROM base AS starter
COPY --from=build /bin/starter /starter
ENTRYPOINT ["/starter"]
