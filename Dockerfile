# Builds the programs: docker build --target worker|webhookbridge|approvals|starter .
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /bin/ ./worker ./webhookbridge ./approvals ./starter

# Runs as nobody, without a shell; certificates come with the image.
FROM gcr.io/distroless/static-debian12:nonroot AS base

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
