# An image with Parley and the roots of certificates, and nothing else.
#
# Inside, as everywhere, "parley serve" listens on 127.0.0.1:8080 unless it is told otherwise, and it refuses an address that
# others can reach until it knows how to tell who they are. So it has to be started with an address and with authentication,
# for example with the arguments
#
#   serve --addr 0.0.0.0:8080 --auth-hmac-secret @/run/secrets/hmac
#
# or with --insecure-no-auth in place of the secret, and with --host NAME for the name under which it is reached.
# There is no shell: probe /healthz and /readyz from outside. docs/operations.md says more.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /out/parley ./cmd/parley

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/parley /parley
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/parley"]
CMD ["serve"]
