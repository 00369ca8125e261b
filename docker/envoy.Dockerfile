# An Envoy that takes its configuration and its start parameters from outside:
#   ENVOY_CONFIG_PATH     the file of the configuration
#   ENVOY_STARTUP_PARAMS  further parameters, split into words as a shell does
# BASE is `envoyproxy/envoy` at the asked version where it can be had; else `scratch`, and `rootfs/` holds the Envoy that
# the process runtime runs, with the libraries that it needs.
ARG BASE=scratch
FROM ${BASE}
LABEL meshkat.image=envoy
COPY rootfs/ /
ENV ENVOY_CONFIG_PATH=/etc/envoy/envoy.yaml ENVOY_STARTUP_PARAMS=
USER 65532:65532
# By its own loader and libraries: those of BASE may be older than what it was built with.
ENTRYPOINT ["/meshkat/lib/loader", "--library-path", "/meshkat/lib", "/meshkat/bin/meshkat-pod", "envoy"]
CMD []
