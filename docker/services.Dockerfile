# The services and what holds a pod's network, in one image: nothing else is in it but the libraries that they need.
# `meshkat` hands `rootfs/` to the build: the very binaries that its process runtime runs.
FROM scratch
# The first layer already says whose it is, so that a build that was cut short is found and removed.
LABEL meshkat.image=services
COPY rootfs/ /
# Where `sds` keeps its registry.
COPY --chown=65532:65532 state/ /var/lib/meshkat/
USER 65532:65532
