# What people type. `just` without a recipe runs the scenarios.

set positional-arguments

# Every scenario on a real mesh: `just e2e`, `just e2e 'eds/*'`.
e2e *ARGS: build
    MESHKAT_CALLED_AS='just meshkat' target/debug/meshkat run "$@"

# Flakes: every scenario three times, beside four busy threads; `just flakes --repeat 20 'eds/*'`. What is given last counts.
flakes *ARGS: build
    MESHKAT_CALLED_AS='just meshkat' target/debug/meshkat run --repeat 3 --stress 4 --coverage pairwise "$@"

# Every test, on the real Envoy. Builds the binaries and gets Envoy first: tests start them.
test: build
    @target/debug/meshkat envoy path
    cargo test --workspace

# Formatting, clippy, what the tree may hold, and the scenario, mesh and Envoy files.
lint: build
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    .ci/deny
    target/debug/meshkat lint

# Ratios, measured in one run.
bench *ARGS:
    cargo build --release --workspace --bins
    target/release/meshkat-bench "$@"

# What strangers may send, made up by a fuzzer: every target for a minute, or `just fuzz scenario 600`. See docs/design/fuzzing.md.
fuzz TARGET='' SECONDS='60':
    fuzz/run "$@"

# Any command of meshkat: `just meshkat up`.
meshkat *ARGS: build
    @MESHKAT_CALLED_AS='just meshkat' target/debug/meshkat "$@"

# What ended runs left behind, and the build.
clean:
    -target/debug/meshkat clean
    cargo clean

[private]
build:
    @cargo build --quiet --workspace --bins
